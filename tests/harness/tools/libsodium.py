"""Opens and seals what a vault's database holds, with nothing but libsodium.

The task is a JSON file: `password` and `salt` give the master key. It opens
each text of `open`, and seals each entry of `seal`, bound to its credential. All bytes are in hexadecimal.
"""

import hashlib
import hmac
import json
import sys
import uuid

import nacl.pwhash
import nacl.secret

with open(sys.argv[1], encoding="utf-8") as file:
    task = json.load(file)

key = nacl.pwhash.argon2id.kdf(
    32,
    task["password"].encode(),
    bytes.fromhex(task["salt"]),
    opslimit=3,
    memlimit=262_144 * 1024,
)
box = nacl.secret.SecretBox(key)


def seal(entry):
    sealed = bytes(box.encrypt(entry["key"].encode()))
    # HKDF-Expand (RFC 5869) to one block, and HMAC over what the key is tied to.
    mac_key = hmac.digest(key, b"stagepass vault credential\x01", hashlib.sha256)
    text = uuid.UUID(entry["id"]).bytes + entry["created_at"].to_bytes(8)
    for part in (entry["service"].encode(), entry["name"].encode(), sealed):
        text += len(part).to_bytes(8) + part
    return {"sealed": sealed.hex(), "mac": hmac.digest(mac_key, text, hashlib.sha256).hex()}


answer = {
    "key": key.hex(),
    "opened": [box.decrypt(bytes.fromhex(text)).decode() for text in task.get("open", [])],
    "sealed": [seal(entry) for entry in task.get("seal", [])],
}
print(json.dumps(answer))
