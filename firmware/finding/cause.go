package finding

// Cause is the slug of the likeliest innocent explanation of a finding, "" where none is known.
type Cause string
