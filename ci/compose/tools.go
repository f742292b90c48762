//go:build tools

// Package tools names the one program that this module is there to build.
package tools

import _ "github.com/docker/compose/v2/cmd"
