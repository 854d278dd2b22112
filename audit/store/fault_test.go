package store

const childEnv = "CALLSCREEN_STORE_CHILD"

func child(string) {}
