// Asio's own code for TLS, once (BOOST_ASIO_SEPARATE_COMPILATION). Only base/net/https_client has
// it.
#include <boost/asio/ssl/impl/src.hpp>
