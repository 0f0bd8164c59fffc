package main

import "subrosa/firmware/seal"

// deviceCalls are the system calls that open devices need, beyond those of every sealed program.
var deviceCalls []seal.Call
