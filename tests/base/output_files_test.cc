// Files that a command writes: names first, then whole or not at all. The expectations are those of
// the system's own calls (stat, link, chmod), and of what a shell shows.
#include "base/output_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "support/temp_folder.h"

namespace lutra::tools {
namespace {

using test::TempFolder;
namespace fs = std::filesystem;

std::string TextOf(const std::string& path) {
  std::vector<uint8_t> bytes;
  std::string error;
  REQUIRE_MESSAGE(ReadFile(path, &bytes, &error), error);
  return {bytes.begin(), bytes.end()};
}

size_t FilesIn(const std::string& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const fs::directory_entry& entry : fs::directory_iterator(folder)) ++count;
  return count;
}

mode_t ModeOf(const std::string& path) {
  struct stat info;
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("one file by any of its paths") {
  const TempFolder folder;
  const std::string file = folder.Write("a/file", "x");
  folder.Write("b/other", "x");
  fs::create_symlink("../a/file", folder / "b/link");
  fs::create_symlink("link", folder / "b/link2");
  fs::create_hard_link(file, folder / "b/hard");
  fs::create_directory_symlink("a", folder / "c");
  fs::create_symlink("nothing", folder / "a/dangling");
  fs::create_symlink("loop", folder / "a/loop");
  for (const char* same :
       {"a/./file", "a//file", "b/../a/file", "b/link", "b/link2", "b/hard", "c/file"}) {
    CAPTURE(same);
    CHECK(IdentityOf(folder / same) == IdentityOf(file));
  }
  CHECK(IdentityOf(folder / "b/other") != IdentityOf(file));
  // Files that do not exist yet.
  CHECK(IdentityOf(folder / "a/new") == IdentityOf(folder / "c/./new"));
  CHECK(IdentityOf(folder / "a/dangling") == IdentityOf(folder / "c/nothing"));
  CHECK(IdentityOf(folder / "a/new") != IdentityOf(folder / "b/new"));
  CHECK(IdentityOf(folder / "a/new") != IdentityOf(folder / "a/New"));
  CHECK(IdentityOf(folder / "none/new") != IdentityOf(folder / "none2/new"));
  CHECK(IdentityOf(folder / "a/loop") != IdentityOf(folder / "a/new"));
}

TEST_CASE("an output that is an input, and two outputs in one file, are refused by both names") {
  const TempFolder folder;
  const std::string in = folder.Write("in", "x");
  std::string error;
  OutputFiles files;
  REQUIRE(files.Reads("the network", in, &error));
  CHECK_FALSE(files.Writes("-o", folder / "./in", &error));
  CHECK(error == folder / "./in: is the same file as the network " + in +
                     ", which would be lost; give -o another name");
  REQUIRE(files.Writes("-o", folder / "out", &error));
  CHECK(files.IsOutput(folder / "./out"));
  CHECK_FALSE(files.IsOutput(in));
  CHECK_FALSE(files.Writes("--report", folder / ".//out", &error));
  CHECK(error == folder / ".//out: is the same file as -o " + (folder / "out") +
                     ", and one of them would be lost; give --report another name");
  // An input that is known only later.
  CHECK_FALSE(files.Reads("the data", folder / "out", &error));
  CHECK(error.starts_with(folder / "out: is the same file as the data "));
  // Any number of outputs may go to nowhere.
  CHECK(files.Writes("-o", "/dev/null", &error));
  CHECK(files.Writes("--report", "/dev/null", &error));
}

TEST_CASE("names that cannot be written are refused before there is anything to write") {
  const TempFolder folder;
  std::string error;
  OutputFiles files;
  CHECK_FALSE(files.Writes("-o", "", &error));
  CHECK(error == "-o: an empty name is no file");
  fs::create_directory(folder / "folder");
  CHECK_FALSE(files.Writes("-o", folder / "folder", &error));
  CHECK(error == folder / "folder: is a folder; name a file");
  CHECK_FALSE(files.Writes("-o", folder / "none/out", &error));
  CHECK(error == folder / "none/out: cannot be created: No such file or directory");
  const std::string name(256, 'n');
  CHECK_FALSE(files.Writes("-o", folder / name, &error));
  CHECK(error == folder / (name + ": cannot be created: File name too long"));
  fs::create_symlink("circle", folder / "circle");
  CHECK_FALSE(files.Writes("-o", folder / "circle", &error));
  CHECK(error == folder / "circle: cannot be created: Too many levels of symbolic links");
  if (::geteuid() == 0) return;  // root may write everything
  const std::string fixed = folder.Write("fixed", "old");
  REQUIRE(::chmod(fixed.c_str(), 0444) == 0);
  CHECK_FALSE(files.Writes("-o", fixed, &error));
  CHECK(error == fixed + ": cannot be written: Permission denied");
  CHECK_FALSE(WriteFile(fixed, BytesOf("new"), &error));
  CHECK(TextOf(fixed) == "old");
  REQUIRE(::chmod((folder / "folder").c_str(), 0555) == 0);
  CHECK_FALSE(files.Writes("-o", folder / "folder/out", &error));
  CHECK(error == folder / "folder/out: cannot be created: Permission denied");
}

TEST_CASE("nothing appears before all is written, and nothing is left when it is not") {
  const TempFolder folder;
  std::string error;
  folder.Write("a", "old");
  {
    OutputFiles files;
    REQUIRE(files.Write(folder / "a", BytesOf("new a"), &error));
    REQUIRE(files.Write(folder / "b", BytesOf("new b"), &error));
    CHECK(TextOf(folder / "a") == "old");
    CHECK_FALSE(fs::exists(folder / "b"));
    CHECK_FALSE(files.Write("/dev/full", BytesOf("c"), &error));
    CHECK(error == "/dev/full: cannot be written: No space left on device");
  }
  CHECK(TextOf(folder / "a") == "old");
  CHECK(FilesIn(folder / "") == 1);
  OutputFiles files;
  REQUIRE(files.Write(folder / "a", BytesOf("new a"), &error));
  REQUIRE(files.Write(folder / "b", BytesOf("new b"), &error));
  REQUIRE(files.Commit(&error));
  CHECK(TextOf(folder / "a") == "new a");
  CHECK(TextOf(folder / "b") == "new b");
  CHECK(FilesIn(folder / "") == 2);
  // What a file system that folds cases would do with "A" and "a".
  REQUIRE(files.Write(folder / "c", BytesOf("1"), &error));
  REQUIRE(files.Write(folder / "c", BytesOf("2"), &error));
  CHECK_FALSE(files.Commit(&error));
  CHECK(error == folder / "c: is the same file as another output; give it another name");
}

TEST_CASE("modes and links") {
  const TempFolder folder;
  std::string error;
  const mode_t mask = ::umask(027);
  REQUIRE(WriteFile(folder / "fresh", BytesOf("x"), &error));
  ::umask(mask);
  CHECK(ModeOf(folder / "fresh") == 0640);
  const std::string file = folder.Write("file", "old");
  REQUIRE(::chmod(file.c_str(), 0764) == 0);
  fs::create_directory(folder / "links");
  fs::create_symlink("../file", folder / "links/link");
  REQUIRE(WriteFile(folder / "links/link", BytesOf("new"), &error));
  CHECK(fs::is_symlink(folder / "links/link"));
  CHECK(TextOf(file) == "new");
  CHECK(ModeOf(file) == 0764);
  // A link to a file that does not exist makes that file.
  fs::create_symlink("../later", folder / "links/dangling");
  REQUIRE(WriteFile(folder / "links/dangling", BytesOf("new"), &error));
  CHECK(fs::is_symlink(folder / "links/dangling"));
  CHECK(TextOf(folder / "later") == "new");
  // Another hard link keeps what it had.
  fs::create_hard_link(file, folder / "hard");
  REQUIRE(WriteFile(file, BytesOf("newer"), &error));
  CHECK(TextOf(folder / "hard") == "new");
  // The temporary name must not be longer than names can be.
  const std::string longest(255, 'n');
  CHECK(WriteFile(folder / longest, BytesOf("x"), &error));
}

TEST_CASE("a limit on the size of files leaves the old file and no half one") {
  const TempFolder folder;
  const std::string path = folder.Write("file", "old");
  struct rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1000, before.rlim_max };
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string error, of_trial;
  const bool written = WriteFile(path, std::vector<uint8_t>(5000), &error);
  OutputFiles files;
  const bool named = files.Writes("-o", path, &of_trial), tried = files.TryWriting(&of_trial);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(written);
  CHECK(error == path + ": cannot be written: File too large");
  CHECK(named);
  CHECK_FALSE(tried);
  CHECK(of_trial == error);
  CHECK(TextOf(path) == "old");
  CHECK(FilesIn(folder / "") == 1);
}

TEST_CASE("what no byte can be written to is known by its name") {
  const TempFolder folder;
  std::string error;
  OutputFiles files;
  CHECK_FALSE(files.Writes("--report", "/dev/full", &error));
  CHECK(error == "/dev/full: cannot be written: No space left on device");
  // A trial leaves what is there, and nothing else.
  const std::string old = folder.Write("file", "old");
  REQUIRE(files.Writes("-o", old, &error));
  REQUIRE(files.Writes("--report", folder / "new", &error));
  REQUIRE(files.Writes("--emit-qdq", "/dev/null", &error));
  CHECK(files.TryWriting(&error));
  CHECK(TextOf(old) == "old");
  CHECK(FilesIn(folder / "") == 1);
}

TEST_CASE("pipes: written to directly; as inputs they are refused and not waited for") {
  const TempFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::string error;
  std::vector<uint8_t> bytes;
  CHECK_FALSE(ReadFile(pipe, &bytes, &error));
  CHECK(error == pipe + ": is no regular file but a pipe or a device; copy it into a file first");
  std::string got;
  std::thread reader([&] {
    const int fd = ::open(pipe.c_str(), O_RDONLY);
    char chunk[64];
    for (ssize_t n = 0; (n = ::read(fd, chunk, sizeof chunk)) > 0;) {
      got.append(chunk, static_cast<size_t>(n));
    }
    ::close(fd);
  });
  CHECK(WriteFile(pipe, BytesOf("through the pipe"), &error));
  reader.join();
  CHECK(got == "through the pipe");
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("inputs that are no regular files, and a limit on their size") {
  const TempFolder folder;
  std::vector<uint8_t> bytes;
  std::string error;
  CHECK_FALSE(ReadFile("/dev/zero", &bytes, &error));
  CHECK(error == "/dev/zero: is no regular file but a pipe or a device; copy it into a file first");
  CHECK_FALSE(ReadFile(folder / "", &bytes, &error));
  CHECK(error == folder / ": is a folder; name a file");
  CHECK_FALSE(ReadFile(folder / "none", &bytes, &error));
  CHECK(error == folder / "none: cannot be opened: No such file or directory");
  const std::string file = folder.Write("file", std::string(10000, 'x'));
  CHECK(ReadFile(file, &bytes, &error, 10000));
  CHECK(bytes.size() == 10000);
  CHECK_FALSE(ReadFile(file, &bytes, &error, 9999));
  CHECK(error.starts_with(file + ": is larger than 9999 bytes"));
  CHECK(ReadFile("/proc/self/status", &bytes, &error));  // its size is not known before
  CHECK(bytes.size() > 100);
}

}  // namespace
}  // namespace lutra::tools
