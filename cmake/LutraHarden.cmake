# What LUTRA_HARDEN adds: lutra_hardened_compile and lutra_hardened_link, lists of options.
set(lutra_hardened_compile)
set(lutra_hardened_link)
if(LUTRA_HARDEN)
  set(lutra_hardened_compile -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND lutra_hardened_compile -fcf-protection)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(APPEND lutra_hardened_compile -mbranch-protection=standard)
  endif()
  # It needs optimization, and sanitizers see more without it.
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    list(APPEND lutra_hardened_compile
      "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
  endif()
  set(lutra_hardened_link -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
  # Programs at random addresses: the objects are position independent, the link must say so too.
  include(CheckPIESupported)
  check_pie_supported()
endif()
