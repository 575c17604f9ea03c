#include "gateway/balance/route53/xml_reader.hpp"

#include <gtest/gtest.h>

#include "gateway/balance/route53/xml_writer.hpp"

namespace presenter::gateway::route53 {
namespace {

constexpr std::string_view document =
    "<?xml version=\"1.0\"?>\n<!-- a remark --><List xmlns=\"urn:x\"  a='>'>\n"
    "  <Item><Name>one &amp; &#x3c;two&#233;&gt;</Name></Item>\n  <Item/>\n</List>\n";

TEST(XmlReader, HasElementsTextsAndReferences) {
  const auto root = parse_xml(document);
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_EQ(root->name, "List");
  ASSERT_EQ(root->children.size(), 2u);
  EXPECT_EQ(root->child("Item")->text_of("Name"), "one & <two\xc3\xa9>");
  EXPECT_EQ(root->children[1].child("Name"), nullptr);
  EXPECT_EQ(root->children[1].text_of("Name"), "");
}

TEST(XmlReader, RefusesADocumentThatIsCutAnywhere) {
  const auto end = document.rfind('>');
  for (std::size_t size = 0; size <= end; ++size)
    EXPECT_TRUE(parse_xml(document.substr(0, size)).has_error()) << size;
}

TEST(XmlReader, RefusesWhatIsNoXml) {
  for (const char* text :
       {"", "hello", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a/>x", "<a b></a>", "<a b=c/>",
        "< a/>", "<a>&b;</a>", "<a>&amp</a>", "<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&#x110000;</a>",
        "<a>&#;</a>", "<a>&#99999999999;</a>", "<a><b></a></b>"})
    EXPECT_EQ(parse_xml(text).error(), errc::xml_malformed) << text;
}

TEST(XmlReader, RefusesTypesOfDocumentsAndSoEntitiesOfTheirOwn) {
  EXPECT_EQ(parse_xml("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").error(), errc::xml_unsupported);
  EXPECT_EQ(parse_xml("<a><![CDATA[b]]></a>").error(), errc::xml_unsupported);
}

TEST(XmlReader, BoundsDepthAndElements) {
  std::string deep, all;
  for (std::size_t i = 0; i < xml_depth_max; ++i)
    deep = "<a>" + deep + "</a>";
  EXPECT_TRUE(parse_xml(deep));
  EXPECT_EQ(parse_xml("<a>" + deep + "</a>").error(), errc::xml_too_deep);
  for (std::size_t i = 1; i < xml_elements_max; ++i)
    all += "<b/>";
  EXPECT_TRUE(parse_xml("<a>" + all + "</a>"));
  EXPECT_EQ(parse_xml("<a>" + all + "<b/></a>").error(), errc::xml_too_large);
}

TEST(XmlWriter, IsReadAsItWasWritten) {
  xml_writer out("Root", "urn:\"x\"");
  out.open("Item").leaf("Name", "a<b>&\"c'").close().leaf("Empty", "");
  const auto root = parse_xml(std::move(out).document());
  ASSERT_TRUE(root);
  EXPECT_EQ(root->child("Item")->text_of("Name"), "a<b>&\"c'");
  EXPECT_NE(root->child("Empty"), nullptr);
}

}  // namespace
}  // namespace presenter::gateway::route53
