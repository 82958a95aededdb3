#include "converter/data/find_images.h"

#include <doctest/doctest.h>

#include "converter/data/dataset.h"
#include "converter/error.h"
#include "support/temp_folder.h"

namespace lutra::converter::data {
namespace {

using test::TempFolder;

std::vector<std::string> Names(const std::vector<std::filesystem::path>& paths,
                               const TempFolder& folder) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.string().substr((folder / "").size()));
  return names;
}

TEST_CASE("images at any depth, in any case of letters; the rest is counted by kind") {
  TempFolder folder;
  for (const char* name :
       {"b.JPG", "a.png", "c.jpeg", "in/deep/d.Png", "x.bmp", "y.BMP", "z.webp", "README",
        ".hidden.png", "._a.png", ".git/e.png", "Thumbs.db", "in/__pycache__/f.png"}) {
    folder.Write(name, "");
  }
  std::filesystem::create_symlink("nowhere", folder / "link.png");
  const FoundFiles found = FindImages(folder / ".");
  CHECK(Names(found.images, folder) ==
        std::vector<std::string>{"./a.png", "./b.JPG", "./c.jpeg", "./in/deep/d.Png"});
  CHECK(found.files() == 9);
  CHECK(found.UnreadText() == "2 .bmp, 1 .webp, 1 broken links, 1 without an extension");
  Warnings warnings;
  WarnOfUnread("p", found, warnings);
  CHECK(warnings.lines() ==
        std::vector<std::string>{"p: 5 of 9 files are not read: 2 .bmp, 1 .webp, 1 broken links, 1 "
                                 "without an extension; PNG and JPEG are (.png, .jpg, .jpeg)"});
}

TEST_CASE("links are followed, also in a circle") {
  TempFolder folder;
  folder.Write("real/a.png", "");
  folder.Write("other/b.png", "");
  std::filesystem::create_directory_symlink("../other", folder / "real/more");
  std::filesystem::create_directory_symlink("..", folder / "other/up");
  std::filesystem::create_symlink("a.png", folder / "real/again.png");
  CHECK(Names(FindImages(folder / "real").images, folder) ==
        std::vector<std::string>{"real/a.png", "real/again.png", "real/more/b.png"});
}

TEST_CASE("class folders in name order; what shifts the labels is said") {
  TempFolder folder;
  for (const char* name : {"c0/x.png", "c1/deep/y.png", "c1/z.gif", ".ipynb_checkpoints/x.png",
                           "__pycache__/m.pyc", "beside.png"}) {
    folder.Write(name, "");
  }
  std::filesystem::create_directory(folder / "a_empty");
  const std::string path = folder / "";
  const ClassFolders classes = FindClasses(path);
  REQUIRE(classes.images.size() == 3);
  CHECK(classes.images[0].empty());
  CHECK(Names(classes.images[1], folder) == std::vector<std::string>{"c0/x.png"});
  CHECK(Names(classes.images[2], folder) == std::vector<std::string>{"c1/deep/y.png"});
  CHECK(classes.warnings.lines() ==
        std::vector<std::string>{
            path + ": 1 images beside the class folders are not read; move them into one",
            path + ": not taken for a class: .ipynb_checkpoints, __pycache__",
            path +
                ": class folders without images count as classes all the same: a_empty (class 0); "
                "remove those the network has no class for",
            path + ": 1 of 3 files are not read: 1 .gif; PNG and JPEG are (.png, .jpg, .jpeg)"});
}

TEST_CASE("folders of class folders are told from class folders") {
  const auto said = [](const std::vector<const char*>& names) {
    TempFolder folder;
    for (const char* name : names) folder.Write(name, "");
    const std::vector<std::string> lines = FindClasses(folder / "").warnings.lines();
    return lines.empty() ? "" : lines[0].substr((folder / "").size());
  };
  CHECK(said({"train/c0/a.png", "train/c1/b.png", "val/c0/a.png", "val/c1/b.png"}) ==
        ": taken for classes: train, val, which all have their images in folders of the same names "
        "(c0, c1); if those are the classes, name one of the folders");
  CHECK(said({"all/c0/a.png", "all/c1/b.png"}).starts_with(": taken for classes: all,"));
  for (const auto& names : {std::vector{"c0/a.png", "c1/b.png"},
                            {"c0/x/a.png", "c0/y/a.png", "c1/x/a.png"},
                            {"c0/x/a.png", "c1/x/b.png"},
                            {"c0/x/a.png", "c0/y/a.png", "c0/z.png"}}) {
    CHECK(said(names) == "");
  }
}

TEST_CASE("nothing to read is an error that says what is there") {
  TempFolder folder;
  folder.Write("c0/x.webp", "");
  CHECK_THROWS_WITH_AS(
      FindClasses(folder / ""),
      (folder / ": holds no images that are read: 1 .webp; PNG and JPEG are (.png, "
                ".jpg, .jpeg)")
          .c_str(),
      Error);
}

TEST_CASE("a list: byte order mark, carriage returns, and files that must be there") {
  TempFolder folder;
  folder.Write("a.png", "");
  const std::string spec = folder.Write("d.json", R"({"format": "list", "path": "l.tsv"})");
  folder.Write("l.tsv",
               "\xEF\xBB\xBF"
               "a.png\t7\r\n\r\na.png\t0");
  CHECK(OpenDataset(spec)->size() == 2);
  folder.Write("l.tsv", "a.png\t7\n\nb.png\t1\n");
  CHECK_THROWS_WITH_AS(OpenDataset(spec),
                       (folder / "l.tsv: line 3: " + (folder / "b.png") +
                        " cannot be read: No such file or directory")
                           .c_str(),
                       Error);
  folder.Write("l.tsv", "a.png\t-1\n");
  CHECK_THROWS_WITH_AS(OpenDataset(spec),
                       (folder / "l.tsv: line 1 is not FILE, a tab and a class number").c_str(),
                       Error);
  folder.Write("l.tsv", "\n");
  CHECK_THROWS_WITH_AS(OpenDataset(spec), (folder / "l.tsv: lists no images").c_str(), Error);
}

}  // namespace
}  // namespace lutra::converter::data
