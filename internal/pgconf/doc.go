// Package pgconf is what everything that keeps its things in PostgreSQL shares: how a URL is
// read, how connections are made and kept, how a schema comes up to date, how one process
// hears of another, and what errors mean. It knows no table but the one of versions.
package pgconf
