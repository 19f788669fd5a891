// Command empty is a library of Go that does nothing, built with
// -buildmode=c-shared: what the start of the Go runtime costs a C program
// without anything of ours. bench/c/start.c loads it.
package main

import "C"

// emptyCall returns after it has entered Go, for which the first call in a
// process waits until the runtime has started. Any thread.
//
//export emptyCall
func emptyCall() {}

func main() {}
