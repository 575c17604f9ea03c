# HEADERS of FROM → TO, with "…" of the tree as <presenter/…>. A script for cmake -P.
foreach(header ${HEADERS})
  file(READ ${FROM}/${header} text)
  string(REGEX REPLACE "#include \"([a-z_/]+[.]hpp)\"" "#include <presenter/\\1>" text "${text}")
  file(WRITE ${TO}/${header} "${text}")
endforeach()
