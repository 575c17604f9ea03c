// The application traffic secrets of the handshake that RFC 8448 §3 traces.
#pragma once

#include "tests/support/record_forge.hpp"

namespace presenter::testing {

inline const byte_string client_secret =
    bytes_of_hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
inline const byte_string server_secret =
    bytes_of_hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");

}  // namespace presenter::testing
