#include "gateway/hooks/hook_folder.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HookFolder : public testing::Test {
 protected:
  void write(const std::string& name, unsigned mode) const {
    std::ofstream(folder / name) << "#!/bin/sh\n";
    fs::permissions(folder / name, fs::perms{mode});
  }

  tests::own_folder folder;
};

TEST_F(HookFolder, HasItsHooksInTheOrderOfTheirNames) {
  write("20-second", 0755);
  write("10-first", 0700);
  write(".hidden", 0644);
  const hook_list list = list_hooks(folder.path());
  EXPECT_THAT(list.hooks, ElementsAre(folder / "10-first", folder / "20-second"));
  EXPECT_THAT(list.mistakes, IsEmpty());
}

TEST_F(HookFolder, SaysWhatCannotBeRun) {
  write("a-plain", 0644);
  write("b-open", 0757);
  write("c-good", 0755);
  fs::create_directory(folder / "d-folder");
  fs::create_symlink("nowhere", folder / "e-link");
  const hook_list list = list_hooks(folder.path());
  EXPECT_THAT(list.hooks, ElementsAre(folder / "c-good"));
  EXPECT_THAT(list.mistakes, ElementsAre(HasSubstr("a-plain' is not executable"),
                                         HasSubstr("b-open' may be written by others"),
                                         HasSubstr("d-folder' is not a file"),
                                         HasSubstr("e-link': No such file")));
}

TEST_F(HookFolder, MustBeThereAndClosedToOthers) {
  EXPECT_THAT(list_hooks(folder / "absent").mistakes, ElementsAre(HasSubstr("there is no folder")));
  write("a-hook", 0755);
  fs::permissions(folder.path(), fs::perms{0777});
  EXPECT_THAT(list_hooks(folder.path()).hooks, IsEmpty());
  EXPECT_THAT(list_hooks(folder.path()).mistakes, ElementsAre(HasSubstr("written by others")));
}

}  // namespace
}  // namespace presenter::gateway
