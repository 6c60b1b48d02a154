package models

// Gathering is what an engine may be able to do beyond Engine: compute equal calls of several sessions as one. Ask with a type assertion.
//
// Sessions are used as ever, each by one goroutine; those that are called at the same time share a program. No call waits for others to come, and what
// a session answers does not depend, in any bit, on what others are called for.
type Gathering interface {
	Engine

	// Together is the number of sessions of an architecture, with batches of at most maxBatch examples, that are worth calling at the same time. 1: none but one.
	Together(a Architecture, maxBatch int) int
}

// Keeping is what an engine may be able to do beyond Engine: keep inputs where it computes. Ask with a type assertion.
type Keeping interface {
	Engine

	// Keep tells the engine that x will not change until release is called, and that sessions will read parts of it more than once: any slice of
	// x that is given to a session as its inputs may then be copied to the device once. Answers are the same, in every bit, as without. Those who keep the same slice
	// share its copies, which go with the last release; x stays reachable until then. How much is kept is the engine's decision.
	Keep(x []float32) (release func())
}
