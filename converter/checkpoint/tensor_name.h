// torch.nn.DataParallel puts "module." before every name of the network that it wraps. Names are
// kept as the file has them; whoever names a tensor may leave the wrapper out.
#pragma once

#include <string_view>

namespace lutra::converter::checkpoint {

inline std::string_view WithoutWrapper(std::string_view name) {
  constexpr std::string_view kWrapper = "module.";
  return name.starts_with(kWrapper) ? name.substr(kWrapper.size()) : name;
}

}  // namespace lutra::converter::checkpoint
