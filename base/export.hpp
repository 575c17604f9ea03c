// Marks what the shared libraries of the SDK show to a program; everything else in them is hidden.
#pragma once

#define PRESENTER_EXPORT __attribute__((visibility("default")))
