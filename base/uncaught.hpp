// The end of an exception that nobody could catch, in the thread of a library or out of a
// destructor: a line that says what it was, and an exit status of the program's own, instead of
// SIGABRT. The gateway has its own way, which is a line of its log.
#pragma once

namespace presenter {

// For the whole process, once. `program` is a literal.
void end_at_uncaught_exceptions(const char* program, int status);

}  // namespace presenter
