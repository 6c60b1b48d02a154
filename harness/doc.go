// Package harness runs measures over a corpus: it finds out which cells
// (network, measure) have no answer yet, has plugins answer them, and stores
// what they say.
//
// The order of things is one direction, and each arrow is a documented file:
//
//	spec ──► corpus ──► networks ──► quantities ──► measures ──► results ──► statistics ──► report
//	corpora  corpora    models       quantity       plugin       result      rank           report
//
// The loop goes network by network, so that what the host computes of a network
// is computed once for all measures. Workers share nothing but the list of
// networks and the results' writer: a value depends neither on their number nor on their order.
//
// The package never sees a gap: measures and gaps first meet in harness/report.
package harness
