// What a thread computes with oneDNN alone does not depend on how many processors there are.
#pragma once

namespace lutra::converter::executor {

/// While it lives, oneDNN computes on the thread that made it, and on no other for it. OpenMP's
/// number of threads belongs to each thread.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace lutra::converter::executor
