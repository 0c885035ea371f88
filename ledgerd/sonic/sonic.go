// Package sonic stands in for github.com/bytedance/sonic, of which cosmossdk.io/log uses these two functions. The original makes
// machine code while it runs; a node's unit forbids memory that is both written and executed, and the log needs no such speed.
package sonic

import "encoding/json"

// Marshal returns the JSON of a value.
func Marshal(value any) ([]byte, error) { return json.Marshal(value) }

// Unmarshal reads JSON into what a pointer points at.
func Unmarshal(text []byte, into any) error { return json.Unmarshal(text, into) }
