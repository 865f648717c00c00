// Package py holds Python's values as templates see them: how they print, compare, hash, index,
// iterate, format and fail. It knows nothing of templates, files, clocks or the network.
//
// A [Value] is a plain Go value (nil, bool, int, *big.Int, float64, string) or one of this package's
// containers ([*List], [Tuple], [*Dict], [*Set], [Bytes], [Markup], [*Range]) or any [Object]. Objects
// take part in operators, calls, attributes and formatting by implementing the small interfaces in
// object.go; everything they do not implement fails with the message Python gives.
package py
