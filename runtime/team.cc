#include "runtime/team.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "runtime/clock.h"
#include "runtime/fp_env.h"

namespace lutra {
namespace {

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits for `done` without sleeping, at most spin_us; true if it came.
template <typename Done>
bool Spin(uint32_t spin_us, const Done& done) {
  if (done()) return true;
  if (spin_us == 0) return false;
  const uint64_t end = NowNs() + uint64_t{spin_us} * 1000U;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (NowNs() < end);
  return false;
}

}  // namespace

void Team::Place(const Options& options, Bump& block) {
  options_ = options;
  if (options.parallel_for == nullptr) workers_ = block.TakeArray<Worker>(options.threads - 1);
}

void Team::SetScratch(uint8_t* scratch, size_t bytes) {
  scratch_ = scratch;
  scratch_bytes_ = bytes;
}

Status Team::Start() {
  process_ = getpid();
  pthread_mutex_init(&done_mutex_, nullptr);
  pthread_cond_init(&done_, nullptr);
  if (workers_ == nullptr) return Status();
  // Signals are the program's business; they must not land on threads it does not know.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  Status status;
  for (size_t i = 0; i + 1 < options_.threads; ++i) {
    Worker* worker = new (&workers_[i]) Worker();
    pthread_mutex_init(&worker->mutex, nullptr);
    pthread_cond_init(&worker->wake, nullptr);
    worker->team = this;
    worker->index = i + 1;
    if (pthread_create(&worker->thread, nullptr, &Team::WorkerMain, worker) != 0) {
      pthread_cond_destroy(&worker->wake);
      pthread_mutex_destroy(&worker->mutex);
      JoinFirst(i);
      status = Status::Error(Code::out_of_memory,
                             "could not start thread %zu of %zu; ask for fewer threads or pass a "
                             "parallel_for",
                             i + 2, options_.threads);
      break;
    }
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return status;
}

void Team::Stop() {
  if (IsForked()) return;
  if (workers_ != nullptr) JoinFirst(options_.threads - 1);
  pthread_cond_destroy(&done_);
  pthread_mutex_destroy(&done_mutex_);
}

// getpid costs less than a tenth of a microsecond, once a run.
bool Team::IsForked() const { return workers_ != nullptr && getpid() != process_; }

void Team::JoinFirst(size_t count) {
  stopping_.store(true, std::memory_order_relaxed);
  for (size_t i = 0; i < count; ++i) Give(workers_[i]);
  for (size_t i = 0; i < count; ++i) {
    pthread_join(workers_[i].thread, nullptr);
    pthread_cond_destroy(&workers_[i].wake);
    pthread_mutex_destroy(&workers_[i].mutex);
  }
}

void Team::Run(size_t threads, size_t tasks, Body body, const void* arg) {
  body_ = body;
  arg_ = arg;
  tasks_ = tasks;
  next_task_.store(0, std::memory_order_relaxed);
  const size_t participants = forked_ ? 1 : std::min({threads, tasks, options_.threads});
  if (participants <= 1) {
    Participate(0);
    return;
  }
  if (options_.parallel_for != nullptr) {
    options_.parallel_for(options_.pool, &Team::CallerPoolEntry, this, participants);
    return;
  }
  busy_.store(static_cast<uint32_t>(participants - 1), std::memory_order_relaxed);
  for (size_t i = 0; i + 1 < participants; ++i) Give(workers_[i]);
  Participate(0);
  const auto all_done = [this] { return busy_.load(std::memory_order_acquire) == 0; };
  if (Spin(options_.spin_us, all_done)) return;
  pthread_mutex_lock(&done_mutex_);
  while (!all_done()) pthread_cond_wait(&done_, &done_mutex_);
  pthread_mutex_unlock(&done_mutex_);
}

void Team::Participate(size_t participant) {
  void* scratch = scratch_ + participant * scratch_bytes_;
  for (;;) {
    const size_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks_) return;
    body_(arg_, task, scratch);
  }
}

void Team::CallerPoolEntry(void* team, size_t participant) {
  const ScopedFpEnv fp_env;
  static_cast<Team*>(team)->Participate(participant);
}

void Team::Give(Worker& worker) {
  pthread_mutex_lock(&worker.mutex);
  worker.jobs.fetch_add(1, std::memory_order_release);
  const bool asleep = worker.asleep;
  pthread_mutex_unlock(&worker.mutex);
  if (asleep) pthread_cond_signal(&worker.wake);
}

void Team::WaitForJob(Worker& worker, uint32_t seen) {
  const auto given = [&] { return worker.jobs.load(std::memory_order_acquire) != seen; };
  const auto stop_spinning = [&] { return given() || !running_.load(std::memory_order_relaxed); };
  if (Spin(options_.spin_us, stop_spinning) && given()) return;
  pthread_mutex_lock(&worker.mutex);
  worker.asleep = true;
  while (!given()) pthread_cond_wait(&worker.wake, &worker.mutex);
  worker.asleep = false;
  pthread_mutex_unlock(&worker.mutex);
}

void* Team::WorkerMain(void* argument) {
  const ScopedFpEnv fp_env;
  Worker& worker = *static_cast<Worker*>(argument);
  Team& team = *worker.team;
  for (uint32_t seen = 0;; ++seen) {
    team.WaitForJob(worker, seen);
    if (team.stopping_.load(std::memory_order_relaxed)) return nullptr;
    team.Participate(worker.index);
    if (team.busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      // Under the mutex, so that the caller cannot fall asleep between its test and this signal.
      pthread_mutex_lock(&team.done_mutex_);
      pthread_cond_signal(&team.done_);
      pthread_mutex_unlock(&team.done_mutex_);
    }
  }
}

}  // namespace lutra
