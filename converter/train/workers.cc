#include "converter/train/workers.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "converter/executor/one_thread.h"

namespace lutra::converter::train {
namespace {

size_t Processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
    return static_cast<size_t>(CPU_COUNT(&set));
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

struct Workers::State {
  const std::function<void(size_t)>* task = nullptr;
  size_t count = 0;
  std::atomic<size_t> next{0};
  std::vector<std::exception_ptr> errors;

  std::mutex mutex;
  std::condition_variable start, done;
  size_t round = 0, running = 0;
  bool ending = false;
  std::vector<std::thread> threads;

  void Work() {
    for (size_t i = next++; i < count; i = next++) {
      try {
        (*task)(i);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  }

  void Loop() {
    const executor::OneThread alone;
    size_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      start.wait(lock, [&] { return ending || round != seen; });
      if (ending) return;
      seen = round;
      lock.unlock();
      Work();
      lock.lock();
      if (--running == 0) done.notify_one();
    }
  }
};

Workers::Workers(size_t threads) : state_(std::make_unique<State>()) {
  if (threads == 0) threads = Processors();
  for (size_t i = 1; i < threads; ++i) state_->threads.emplace_back([this] { state_->Loop(); });
}

Workers::~Workers() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ending = true;
  }
  state_->start.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

size_t Workers::threads() const { return state_->threads.size() + 1; }

void Workers::Run(size_t count, const std::function<void(size_t)>& task) {
  State& state = *state_;
  const executor::OneThread one;
  state.task = &task;
  state.count = count;
  state.next = 0;
  state.errors.assign(count, nullptr);
  {
    const std::scoped_lock lock(state.mutex);
    state.running = state.threads.size();
    ++state.round;
  }
  state.start.notify_all();
  state.Work();
  {
    std::unique_lock lock(state.mutex);
    state.done.wait(lock, [&] { return state.running == 0; });
  }
  for (const std::exception_ptr& error : state.errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace lutra::converter::train
