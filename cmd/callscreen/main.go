// Command callscreen is a SIP proxy that screens calls on their way from a
// trunk to a PBX.
//
// It is where the packages meet, and knows them all: what it adds is the
// configuration, the life of the process and the commands. It decides nothing
// itself.
package main

func main() {}
