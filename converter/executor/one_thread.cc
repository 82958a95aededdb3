#include "converter/executor/one_thread.h"

// Of GCC's OpenMP library, which oneDNN computes with. Declared here, as clang comes without omp.h,
// or with that of another library.
extern "C" void omp_set_num_threads(int threads);
extern "C" int omp_get_max_threads();

namespace lutra::converter::executor {

OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(before_); }

}  // namespace lutra::converter::executor
