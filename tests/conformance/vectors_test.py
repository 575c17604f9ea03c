"""The golden vectors, read and written by the Python peer; the broken ones, sent to the SDK."""

import json
import os
import unittest

from conformance_case import SdkCase
from mux_wire import (ROOT, STRUCTS, T, FrameFault, FrameReader, LinkError, decode, encode,
                      is_canonical)

with open(os.path.join(ROOT, "protocol/vectors/frames.json"), encoding="utf-8") as file:
    VECTORS = json.load(file)

# Frames that the SDK's side of a link may receive at any time, and that change nothing there.
HARMLESS = {"data_more_false", "data_newer_field", "credit_order", "ping_newer_list",
            "ping_nested_32"}


def fields_of(vector):
    fields = {name: bytes.fromhex(value) if name in ("key", "payload", "state", "unread") else value
              for name, value in vector["fields"].items()}
    if "tls" in fields:
        fields["tls"] = T.TlsFacts(**fields["tls"])
    if "continued" in fields:
        fields["continued"] = T.Continued(**fields["continued"])
    return fields


def said(structure):
    """Its fields without those that are absent or have their type's default."""
    fields = {name: said(value) if hasattr(value, "thrift_spec") else value
              for name, value in vars(structure).items()}
    return {name: value for name, value in fields.items() if value}


class GoldenVectors(unittest.TestCase):
    def test_frames_are_read_and_written_alike(self):
        for vector in VECTORS["frames"]:
            with self.subTest(vector["name"]):
                framed = bytes.fromhex(vector["hex"])
                reader = FrameReader()
                reader.feed(framed)
                whole, name, structure = reader.next()
                self.assertEqual(name, vector["frame"])
                self.assertEqual(structure, STRUCTS[name](**fields_of(vector)))
                self.assertEqual(encode(name, **vars(structure)), framed)
                self.assertTrue(is_canonical(whole, name, structure))

    def test_every_frame_has_a_vector(self):
        self.assertEqual({vector["frame"] for vector in VECTORS["frames"]}, set(STRUCTS))

    def test_frames_are_read_from_single_bytes(self):
        reader, names = FrameReader(), []
        for byte in bytes.fromhex("".join(vector["hex"] for vector in VECTORS["frames"])):
            reader.feed(bytes([byte]))
            while frame := reader.next():
                names.append(frame[1])
        self.assertEqual(names, [vector["frame"] for vector in VECTORS["frames"]])

    def test_unusual_bytes_read_as_their_fields(self):
        for vector in VECTORS["accepted"]:
            with self.subTest(vector["name"]):
                name, structure = decode(bytes.fromhex(vector["hex"]))
                self.assertEqual(name, vector["frame"])
                self.assertEqual(said(structure), said(STRUCTS[name](**fields_of(vector))))

    def test_lengths_and_types_are_refused_from_the_first_bytes(self):
        early = ("frame_empty", "frame_oversize", "frame_unknown")
        for vector in VECTORS["rejected"]:
            if vector["error"] in early:
                with self.subTest(vector["name"]):
                    reader = FrameReader()
                    reader.feed(bytes.fromhex(vector["hex"]))
                    with self.assertRaises(FrameFault) as caught:
                        reader.next()
                    self.assertEqual(caught.exception.error.name, vector["error"])


class VectorsAtTheSdk(SdkCase):
    def test_broken_frames_end_the_link_with_their_name(self):
        for vector in VECTORS["rejected"]:
            with self.subTest(vector["name"]):
                link = self.link()
                link.open(data=b"x").receive_exactly(1)
                link.send_raw(bytes.fromhex(vector["hex"]))
                self.assert_link_error(link, LinkError[vector["error"]])
        self.assert_serving()

    def test_unusual_frames_do_no_harm(self):
        for vector in VECTORS["accepted"]:
            if vector["name"] in HARMLESS:
                with self.subTest(vector["name"]):
                    link = self.link()
                    link.any_pong = True
                    stream = link.open(data=b"x")
                    self.assertEqual(stream.receive_exactly(1), b"x")
                    link.send_raw(bytes.fromhex(vector["hex"]))
                    self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")


if __name__ == "__main__":
    unittest.main(verbosity=2)
