// Package wall serves the pages of a room: the wall, which anyone may read, and the chair's page, behind a key.
//
// The wall says one thing, from six metres: whether the room is public or closed. Findings go silently to the
// chair and the clerk; the wall shows them only where the policy asks for it.
//
// The package is a leaf: it holds no state of the session. Its owner gives it a View with every change, and at
// least every Options.StaleAfter; what people press comes back as an Order.
package wall
