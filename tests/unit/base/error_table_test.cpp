#include "base/error_table.hpp"

#include <gtest/gtest.h>

#include "base/net/errc.hpp"

namespace presenter {
namespace {

enum class fruit_errc { unripe = 1, rotten };

struct fruit_row : error_row {
  bool is_edible;
};

fruit_row row_of(fruit_errc code) {
  switch (code) {
    case fruit_errc::unripe:
      return {{"unripe", "not ripe yet"}, true};
    case fruit_errc::rotten:
      return {{"rotten", "past eating"}, false};
  }
  return {unknown_error, false};
}

const boost::system::error_category& fruit_category() {
  static const error_table<fruit_errc, fruit_row> table("presenter.fruit", row_of);
  return table;
}

TEST(ErrorTable, CategoryHasTheNameThatItWasGiven) {
  EXPECT_STREQ(fruit_category().name(), "presenter.fruit");
}

TEST(ErrorTable, ErrorCodeSaysItsRowsMessage) {
  EXPECT_EQ(fruit_category().message(1), "not ripe yet");
  EXPECT_EQ(fruit_category().message(2), "past eating");
}

TEST(ErrorTable, NumberWithoutARowIsUnknown) {
  EXPECT_EQ(fruit_category().message(3), unknown_error.message);
  EXPECT_EQ(fruit_category().message(0), unknown_error.message);
}

// Two libraries may call their enums errc: the category tells their numbers apart.
TEST(ErrorTable, SameNumberOfAnotherTableIsAnotherError) {
  const boost::system::error_code rotten(2, fruit_category());
  const boost::system::error_code unknown_name = net::errc::name_unknown;
  EXPECT_EQ(rotten.value(), unknown_name.value());
  EXPECT_NE(rotten, unknown_name);
  EXPECT_STREQ(unknown_name.category().name(), "presenter.net");
}

}  // namespace
}  // namespace presenter
