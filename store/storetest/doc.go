// Package storetest says in tests what a store promises: every driver passes Run. It
// also holds a model, a store of maps that is slow and easy to read; the differential
// test gives drivers and model the same operations and expects the same answers.
package storetest
