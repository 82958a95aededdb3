// The threads of one context. A job is a number of independent tasks; each participant takes the
// next task from one atomic counter until none is left, so that a slow core never holds up a fast
// one, and since no task's result depends on another or on who runs it, the output is the same for
// any number of threads.
//
// The library's own workers sleep between runs. Within a run a worker that waits for the next
// operator spins for at most spin_us, because waking a sleeping thread costs about as much as a
// small operator. With a caller's pool the participants are the calls of its parallel_for.
//
// In a child of fork the workers do not exist, and their mutexes are in whatever state they were:
// there the calling thread does all tasks, and touches none of that.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lutra/lutra.h"
#include "runtime/memory.h"
#include "schema/status.h"

namespace lutra {

class Team {
 public:
  /// One task; scratch belongs to the participant (aligned to 64).
  using Body = void (*)(const void* arg, size_t task, void* scratch);

  struct Options {
    size_t threads = 1;  ///< participants, the calling thread included
    lutra_parallel_for parallel_for = nullptr;
    void* pool = nullptr;
    uint32_t spin_us = 20;
  };

  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Takes what the team needs from the context's block.
  void Place(const Options& options, Bump& block);
  /// Work space of the participants: `bytes` each, a multiple of 64, one after another.
  void SetScratch(uint8_t* scratch, size_t bytes);
  /// Starts the workers; on failure none is left running.
  Status Start();
  /// Joins them; in a child of fork, which has not got them, forgets them.
  void Stop();

  size_t threads() const { return options_.threads; }

  /// Brackets a run: outside of it nobody spins.
  void BeginRun() {
    forked_ = IsForked();
    running_.store(true, std::memory_order_relaxed);
  }
  void EndRun() { running_.store(false, std::memory_order_relaxed); }

  /// Runs every task of [0, tasks) on up to `threads` participants and returns when all are done.
  void Run(size_t threads, size_t tasks, Body body, const void* arg);

 private:
  struct Worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    std::atomic<uint32_t> jobs;  // how many jobs it was given; it waits for the next
    bool asleep;                 // guarded by mutex
    Team* team;
    size_t index;  // of the participant, from 1
  };

  static void* WorkerMain(void* worker);
  static void CallerPoolEntry(void* team, size_t participant);
  void WaitForJob(Worker& worker, uint32_t seen);
  void Give(Worker& worker);
  void Participate(size_t participant);
  void JoinFirst(size_t count);
  bool IsForked() const;

  Options options_;
  pid_t process_ = 0;          // whose threads the workers are
  bool forked_ = false;        // in the run at hand
  Worker* workers_ = nullptr;  // threads - 1 of them
  uint8_t* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};

  // The job in work.
  Body body_ = nullptr;
  const void* arg_ = nullptr;
  size_t tasks_ = 0;
  alignas(kBlockAlignment) std::atomic<size_t> next_task_{0};
  alignas(kBlockAlignment) std::atomic<uint32_t> busy_{0};  // workers still in the job
  pthread_mutex_t done_mutex_;
  pthread_cond_t done_;
};

}  // namespace lutra
