// What every program owes to those who read its standard output: that it is whole, or that the exit
// status says it is not. Knows nothing of what the programs write.
#pragma once

namespace presenter {

// Call it first. A standard descriptor that was closed is opened such that using it fails; else the
// first socket would take its number, and be sent what is meant for a reader.
void keep_standard_descriptors();

// True if all that was written to standard output so far has arrived. Forgets what has not, so that
// a server which has said so may go on.
bool flush_output();

// Call it last. `status`, if all that was written to standard output has arrived; else says that it
// has not, in the program's name, and returns `status_of_failure`.
int finish_output(const char* program, int status, int status_of_failure);

}  // namespace presenter
