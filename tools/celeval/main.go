// Celeval evaluates expressions in the Common Expression Language with code that is not ours: cel-go, the language's
// other implementation.
//
// The first line of its input is a JSON object of the variables, each with its type; every other line is an object with
// an expression and the values of the variables that have one. For each it says, on a line: true, false, or error.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"cel.dev/cel-go/cel"
)

type question struct {
	Expression string                     `json:"expression"`
	Values     map[string]json.RawMessage `json:"values"`
}

var kinds = map[string]*cel.Type{
	"bool":                      cel.BoolType,
	"int":                       cel.IntType,
	"string":                    cel.StringType,
	"timestamp":                 cel.TimestampType,
	"duration":                  cel.DurationType,
	"list(string)":              cel.ListType(cel.StringType),
	"map(string, string)":       cel.MapType(cel.StringType, cel.StringType),
	"list(map(string, string))": cel.ListType(cel.MapType(cel.StringType, cel.StringType)),
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	if !lines.Scan() {
		return errors.New("no variables")
	}
	declared := map[string]string{}
	if err := json.Unmarshal(lines.Bytes(), &declared); err != nil {
		return err
	}
	options := []cel.EnvOption{}
	for name, kind := range declared {
		if kinds[kind] == nil {
			return fmt.Errorf("%s: no such type: %s", name, kind)
		}
		options = append(options, cel.Variable(name, kinds[kind]))
	}
	environment, err := cel.NewEnv(options...)
	if err != nil {
		return err
	}
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		said, err := answer(environment, declared, asked)
		if err != nil {
			return err
		}
		fmt.Println(said)
	}
	return lines.Err()
}

// answer is what the expression comes to; an error only where the question itself cannot be read.
func answer(environment *cel.Env, declared map[string]string, asked question) (string, error) {
	values := map[string]any{}
	for name, raw := range asked.Values {
		value, err := read(declared[name], raw)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		values[name] = value
	}
	checked, issues := environment.Compile(asked.Expression)
	if issues.Err() != nil || checked.OutputType() != cel.BoolType {
		return "error", nil
	}
	program, err := environment.Program(checked)
	if err != nil {
		return "error", nil
	}
	result, _, err := program.Eval(values)
	if err != nil {
		return "error", nil
	}
	switch result.Value() {
	case true:
		return "true", nil
	case false:
		return "false", nil
	}
	return "error", nil
}

func read(kind string, raw json.RawMessage) (any, error) {
	switch kind {
	case "bool":
		return decode[bool](raw)
	case "int":
		return decode[int64](raw)
	case "string":
		return decode[string](raw)
	case "list(string)":
		return decode[[]string](raw)
	case "map(string, string)":
		return decode[map[string]string](raw)
	case "list(map(string, string))":
		return decode[[]map[string]string](raw)
	case "timestamp":
		text, err := decode[string](raw)
		if err != nil {
			return nil, err
		}
		return time.Parse(time.RFC3339, text)
	case "duration":
		text, err := decode[string](raw)
		if err != nil {
			return nil, err
		}
		return time.ParseDuration(text)
	}
	return nil, fmt.Errorf("no such type: %q", kind)
}

func decode[T any](raw json.RawMessage) (T, error) {
	var value T
	err := json.Unmarshal(raw, &value)
	return value, err
}
