#include "base/output_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/temporaries.h"

namespace lutra {
namespace {

bool Fail(const std::string& path, const char* what, int reason, std::string* error) {
  *error = path + ": " + what + ": " + std::strerror(reason);
  return false;
}

// 0, or errno. Of no bytes one write all the same.
int WriteAll(int fd, std::span<const uint8_t> bytes) {
  do {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0 && !bytes.empty()) return EIO;
    bytes = bytes.subspan(static_cast<size_t>(written));
  } while (!bytes.empty());
  return 0;
}

// 0, or errno. Some file systems know no fsync.
int Sync(int fd) {
  if (::fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return 0;
  return errno;
}

// A new name in a folder is safe only when the folder is.
void SyncFolder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (fd < 0) return;
  Sync(fd);
  ::close(fd);
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The program's own stdout or stderr where the file is one of them, else -1.
int OwnStream(const struct stat& file) {
  struct stat own;
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::fstat(fd, &own) == 0 && SameFile(file, own)) return fd;
  }
  return -1;
}

bool WrittenDirectly(const struct stat& file) {
  return !S_ISREG(file.st_mode) || OwnStream(file) >= 0;
}

// A pipe without a reader cannot be opened; one that never comes must not be waited for.
int OpenDirectly(const std::string& path) {
  constexpr int kPauseUs = 20000, kMostPauses = 500;
  for (int i = 0;; ++i) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) {
      ::fcntl(fd, F_SETFL, 0);  // from here on a full pipe is waited for
      return fd;
    }
    if (errno != ENXIO || i == kMostPauses) return -1;
    ::usleep(kPauseUs);
  }
}

bool WriteDirectly(const std::string& path, const struct stat& file, std::span<const uint8_t> bytes,
                   std::string* error) {
  const int own = OwnStream(file);
  if (own >= 0) std::fflush(own == STDOUT_FILENO ? stdout : stderr);
  const int fd = own >= 0 ? ::dup(own) : OpenDirectly(path);
  if (fd < 0 && errno == ENXIO) {
    *error = path + ": cannot be written: nobody reads from this pipe";
    return false;
  }
  if (fd < 0) return Fail(path, "cannot be opened for writing", errno, error);
  const int reason = WriteAll(fd, bytes);
  if (::close(fd) != 0 && reason == 0) return Fail(path, "cannot be written", errno, error);
  return reason == 0 || Fail(path, "cannot be written", reason, error);
}

// What a new file gets, or an old one has.
int SetModeAndOwner(int fd, const std::string& path) {
  struct stat existing;
  if (::stat(path.c_str(), &existing) != 0) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return ::fchmod(fd, 0666 & ~mask) == 0 ? 0 : errno;
  }
  if (existing.st_uid != ::geteuid() || existing.st_gid != ::getegid()) {
    if (::fchown(fd, existing.st_uid, existing.st_gid) != 0 && errno != EPERM) return errno;
  }
  return ::fchmod(fd, existing.st_mode & 0777) == 0 ? 0 : errno;
}

void Remove(const std::string& temporary) {
  ::unlink(temporary.c_str());
  ForgetTemporary(temporary.c_str());
}

}  // namespace

OutputFiles::~OutputFiles() {
  for (const Written& file : written_) Remove(file.temporary);
}

bool OutputFiles::Reads(const std::string& role, const std::string& path, std::string* error) {
  const Named input{role, path, IdentityOf(path)};
  for (const Named& output : outputs_) {
    if (input.identity != output.identity) continue;
    *error = output.path + ": is the same file as " + role + " " + path +
             ", which would be lost; give " + output.role + " another name";
    return false;
  }
  inputs_.push_back(input);
  return true;
}

bool OutputFiles::Writes(const std::string& role, const std::string& path, std::string* error) {
  if (path.empty()) {
    *error = role + ": an empty name is no file";
    return false;
  }
  const Named output{role, path, IdentityOf(path)};
  for (const Named& input : inputs_) {
    if (input.identity != output.identity) continue;
    *error = path + ": is the same file as " + input.role + " " + input.path +
             ", which would be lost; give " + role + " another name";
    return false;
  }
  struct stat file;
  const bool exists = ::stat(path.c_str(), &file) == 0;
  // Whatever keeps a file from being looked at (a name that is too long, links in a circle) keeps
  // it from being made.
  if (!exists && errno != ENOENT) return Fail(path, "cannot be created", errno, error);
  if (exists && S_ISDIR(file.st_mode)) {
    *error = path + ": is a folder; name a file";
    return false;
  }
  // /dev/null takes any number of them, /dev/full none: it refuses even a write of no bytes.
  if (exists && S_ISCHR(file.st_mode)) return WriteDirectly(path, file, {}, error);
  for (const Named& other : outputs_) {
    if (other.identity != output.identity) continue;
    *error = path + ": is the same file as " + other.role + " " + other.path +
             ", and one of them would be lost; give " + role + " another name";
    return false;
  }
  if (exists && ::access(path.c_str(), W_OK) != 0) {
    return Fail(path, "cannot be written", errno, error);
  }
  if ((!exists || S_ISREG(file.st_mode)) && !(exists && WrittenDirectly(file))) {
    const std::string folder = FolderOf(FollowLinks(path));
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
      return Fail(path, "cannot be created", errno, error);
    }
  }
  outputs_.push_back(output);
  return true;
}

bool OutputFiles::TryWriting(std::string* error) const {
  // A block of most file systems.
  const std::vector<uint8_t> block(4096);
  OutputFiles trial;
  for (const Named& output : outputs_) {
    struct stat file;
    if (::stat(output.path.c_str(), &file) == 0 && WrittenDirectly(file)) continue;
    if (!trial.Write(output.path, block, error)) return false;
  }
  return true;
}

bool OutputFiles::IsOutput(const std::string& path) const {
  const FileIdentity identity = IdentityOf(path);
  for (const Named& output : outputs_) {
    if (output.identity == identity) return true;
  }
  return false;
}

bool OutputFiles::Write(const std::string& path, std::span<const uint8_t> bytes,
                        std::string* error) {
  struct stat file;
  if (::stat(path.c_str(), &file) == 0) {
    if (S_ISDIR(file.st_mode)) {
      *error = path + ": is a folder; name a file";
      return false;
    }
    if (WrittenDirectly(file)) return WriteDirectly(path, file, bytes, error);
    if (::access(path.c_str(), W_OK) != 0) return Fail(path, "cannot be written", errno, error);
  }
  return WriteTemporary(path, FollowLinks(path), bytes, error);
}

bool OutputFiles::WriteTemporary(const std::string& shown, const std::string& path,
                                 std::span<const uint8_t> bytes, std::string* error) {
  // The name does not grow with the file's, which may be as long as names can be.
  Written& file = written_.emplace_back(Written{shown, path, FolderOf(path) + "/.lutra-XXXXXX"});
  const int fd = ::mkostemp(file.temporary.data(), O_CLOEXEC);
  if (fd < 0) {
    written_.pop_back();
    return Fail(shown, "cannot be created", errno, error);
  }
  RememberTemporary(file.temporary.c_str());
  int reason = SetModeAndOwner(fd, path);
  if (reason == 0) reason = WriteAll(fd, bytes);
  if (reason == 0) reason = Sync(fd);
  if (::close(fd) != 0 && reason == 0) reason = errno;
  if (reason == 0) return true;
  Remove(file.temporary);
  written_.pop_back();
  return Fail(shown, "cannot be written", reason, error);
}

bool OutputFiles::Commit(std::string* error) {
  std::vector<FileIdentity> named;
  for (; !written_.empty(); written_.pop_front()) {
    const Written& file = written_.front();
    // Two names that a file system takes for one, such as "A" and "a", show only now.
    if (std::find(named.begin(), named.end(), IdentityOf(file.path)) != named.end()) {
      *error = file.shown + ": is the same file as another output; give it another name";
      return false;
    }
    if (::rename(file.temporary.c_str(), file.path.c_str()) != 0) {
      return Fail(file.shown, "cannot be written", errno, error);
    }
    ForgetTemporary(file.temporary.c_str());
    SyncFolder(FolderOf(file.path));
    named.push_back(IdentityOf(file.path));
  }
  return true;
}

bool WriteFile(const std::string& path, std::span<const uint8_t> bytes, std::string* error) {
  OutputFiles files;
  return files.Write(path, bytes, error) && files.Commit(error);
}

}  // namespace lutra
