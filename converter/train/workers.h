// The threads of training: a fixed set that runs numbered tasks, the caller being one of them. Each
// task runs on one thread, oneDNN within it included, so what a task computes does not depend on
// how many threads there are.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace lutra::converter::train {

class Workers {
 public:
  /// 0: as many as there are processors to run on.
  explicit Workers(size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  size_t threads() const;

  /// Runs task(0) to task(count - 1), each once, in any order, and waits for all. Of several
  /// exceptions the one of the lowest task is thrown. Not for use within a task.
  void Run(size_t count, const std::function<void(size_t task)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lutra::converter::train
