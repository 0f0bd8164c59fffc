package emitter

// shortBias is quietBias for a last window of fewer groups, by number of groups.
var shortBias = [frames / group]float32{1: 0.87, 2: 0.72, 3: 0.65, 4: 0.60, 5: 0.57, 6: 0.54, 7: 0.52}
