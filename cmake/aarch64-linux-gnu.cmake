# Cross build for 64-bit ARM with Debian's compiler; tests run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
# The loader and the C library must be of one build: Debian's arm64 packages (which libhwy-dev:arm64
# brings) hold both. With -L the cross compiler's own loader would run with their library, and the
# two disagree about the thread lists they share.
# Return addresses are signed (LUTRA_HARDEN). With the architecture's own cipher
# `mutate_models` takes half as long again under emulation; qemu's shorter one checks the same.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -cpu max,pauth-impdef=on)
