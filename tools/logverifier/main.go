// Logverifier checks a C2SP transparency log with code that is not ours: golang.org/x/mod (the Go checksum database's
// own tree and notes), transparency-dev/formats (checkpoints, proofs, cosignatures) and transparency-dev/merkle.
//
//	logverifier log URL ORIGIN KEY...                       every tile and every entry below URL
//	logverifier checkpoint FILE ORIGIN KEY...               a signed checkpoint; the first key is the log's
//	logverifier proof FILE LEAF ORIGIN KEY...               a tlog-proof file, and the entry that it is for
//	logverifier consistency OLD NEW HASHES ORIGIN KEY...    two checkpoints, and base64 hashes a line
//
// What is accepted is said on standard output, one line; anything else ends with status 1.
// The variable LOG_AUTHORIZATION is sent as that header.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	mproof "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return errors.New("usage: log|checkpoint|proof|consistency ...")
	}
	switch args[0] {
	case "log":
		return verifyLog(args[1], args[2], args[3:])
	case "checkpoint":
		text, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		head, signed, err := open(text, args[2], args[3:])
		if err != nil {
			return err
		}
		fmt.Println(head.Size, base64.StdEncoding.EncodeToString(head.Hash), len(signed.Sigs))
		return nil
	case "proof":
		return verifyProof(args[1], args[2], args[3], args[4:])
	case "consistency":
		return verifyConsistency(args[1], args[2], args[3], args[4], args[5:])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// open reads a checkpoint; every key that is given must have signed it.
func open(text []byte, origin string, keys []string) (*log.Checkpoint, *note.Note, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := fnote.NewVerifier(key)
		if err != nil {
			return nil, nil, fmt.Errorf("key %q: %w", key, err)
		}
		verifiers = append(verifiers, verifier)
	}
	head, other, signed, err := log.ParseCheckpoint(text, origin, verifiers[0], verifiers[1:]...)
	if err != nil {
		return nil, nil, err
	}
	if len(other) != 0 {
		return nil, nil, errors.New("extension lines")
	}
	if len(signed.Sigs) != len(keys) {
		return nil, nil, fmt.Errorf("%d signatures of %d keys", len(signed.Sigs), len(keys))
	}
	return head, signed, nil
}

type remote struct{ prefix string }

func (r remote) Height() int                                { return 8 }
func (r remote) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (r remote) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := r.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (r remote) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", r.prefix+path, nil)
	if err != nil {
		return nil, err
	}
	if value := os.Getenv("LOG_AUTHORIZATION"); value != "" {
		request.Header.Set("Authorization", value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<25))
}

func verifyLog(prefix, origin string, keys []string) error {
	r := remote{strings.TrimSuffix(prefix, "/") + "/"}
	text, err := r.get("checkpoint")
	if err != nil {
		return err
	}
	head, _, err := open(text, origin, keys)
	if err != nil {
		return err
	}
	tree := tlog.Tree{N: int64(head.Size), Hash: tlog.Hash(head.Hash)}
	hashes := tlog.TileHashReader(tree, r)
	for first := int64(0); first < tree.N; first += 256 {
		width := min(256, tree.N-first)
		path := strings.Replace(tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := r.get(path)
		if err != nil {
			return err
		}
		var indexes []int64
		for i := range width {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+i))
		}
		expected, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i := range width {
			if len(bundle) < 2 {
				return fmt.Errorf("%s: too short", path)
			}
			size := int(bundle[0])<<8 | int(bundle[1])
			if len(bundle) < 2+size {
				return fmt.Errorf("%s: too short", path)
			}
			if tlog.RecordHash(bundle[2:2+size]) != expected[i] {
				return fmt.Errorf("entry %d is not what the tree has", first+i)
			}
			bundle = bundle[2+size:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("%s: too long", path)
		}
	}
	fmt.Println(head.Size, base64.StdEncoding.EncodeToString(head.Hash))
	return nil
}

func verifyProof(file, leafFile, origin string, keys []string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	leaf, err := os.ReadFile(leafFile)
	if err != nil {
		return err
	}
	var read proof.TLogProof
	if err := read.Unmarshal(data); err != nil {
		return err
	}
	head, _, err := open(read.Checkpoint, origin, keys)
	if err != nil {
		return err
	}
	var path [][]byte
	for _, hash := range read.Hashes {
		path = append(path, hash[:])
	}
	hash := rfc6962.DefaultHasher.HashLeaf(leaf)
	if err := mproof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, head.Size, hash, path, head.Hash); err != nil {
		return err
	}
	fmt.Println(read.Index, head.Size)
	return nil
}

func verifyConsistency(oldFile, newFile, hashesFile, origin string, keys []string) error {
	var heads []*log.Checkpoint
	for _, file := range []string{oldFile, newFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		head, _, err := open(text, origin, keys)
		if err != nil {
			return err
		}
		heads = append(heads, head)
	}
	text, err := os.ReadFile(hashesFile)
	if err != nil {
		return err
	}
	var path [][]byte
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		hash, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	old, now := heads[0], heads[1]
	if err := mproof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, now.Size, path, old.Hash, now.Hash); err != nil {
		return err
	}
	fmt.Println(old.Size, now.Size)
	return nil
}
