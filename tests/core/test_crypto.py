import base64
import json

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from huimin.core import crypto
from huimin.core.crypto import Undecipherable
from huimin.env import BadSetting


def secret(seed):
    return base64.b64encode(bytes([seed]) * 32).decode()


def ring(current, **seeds):
    return json.dumps(
        {
            "current": current,
            "keys": {k: {"data": secret(s), "index": secret(9)} for k, s in seeds.items()},
        }
    )


OLD, BOTH, NEW = ring("k1", k1=1), ring("k2", k1=1, k2=3), ring("k2", k2=3)


@pytest.fixture
def keyring(monkeypatch):
    """Tests of key rings use their own keys, also where no settings are configured."""
    if not settings.configured:
        settings.configure(KEYRING=OLD)

    def use(text):
        monkeypatch.setattr(settings, "KEYRING", text)

    use(OLD)
    return use


@pytest.mark.usefixtures("keyring")
class TestSealing:
    @given(st.text(max_size=60))
    def test_what_is_sealed_opens_again(self, text):
        assert crypto.decrypt("id_number", crypto.encrypt("id_number", text)) == text

    def test_equal_texts_give_different_blobs_without_the_text_in_them(self):
        blobs = {crypto.encrypt("id_number", "99010119900101123X") for _ in range(50)}
        assert len(blobs) == 50
        assert not any(b"990101" in blob for blob in blobs)

    def test_the_layout_is_key_name_nonce_ciphertext_and_tag(self):
        blob = crypto.encrypt("id_number", "a" * 18)
        assert blob[:3] == b"\x02k1"
        assert len(blob) == 3 + 12 + 18 + 16

    def test_a_blob_opens_only_for_its_purpose(self):
        blob = crypto.encrypt("id_number", "99010119900101123X")
        with pytest.raises(Undecipherable):
            crypto.decrypt("account", blob)
        with pytest.raises(Undecipherable):
            crypto.decrypt_many("account", [blob])

    @pytest.mark.parametrize("place", [3, 15, -1])
    def test_a_changed_byte_is_noticed(self, place):
        blob = bytearray(crypto.encrypt("id_number", "99010119900101123X"))
        blob[place] ^= 1
        with pytest.raises(Undecipherable):
            crypto.decrypt("id_number", blob)
        with pytest.raises(Undecipherable):
            crypto.decrypt_many("id_number", [blob])

    @pytest.mark.parametrize("blob", [b"", b"\x02k1", b"\x00" * 40, b"\xff" * 40, b"\x02k1" + bytes(27)])
    def test_what_is_not_a_blob_is_refused(self, blob):
        with pytest.raises(Undecipherable):
            crypto.decrypt("id_number", blob)
        with pytest.raises(Undecipherable):
            crypto.decrypt_many("id_number", [crypto.encrypt("id_number", "x"), blob])

    def test_many_are_sealed_in_order_with_nonces_of_their_own(self):
        texts = [str(i) for i in range(500)]
        blobs = crypto.encrypt_many("account", iter(texts))
        assert crypto.decrypt_many("account", blobs) == texts
        assert len({blob[3:15] for blob in blobs}) == 500
        assert crypto.encrypt_many("account", []) == []

    def test_files_are_sealed_as_bytes(self):
        frame = bytes(range(256)) * 100
        blob = crypto.encrypt_bytes("file:7:0:last", frame)
        assert crypto.decrypt_bytes("file:7:0:last", memoryview(blob)) == frame
        with pytest.raises(Undecipherable):
            crypto.decrypt_bytes("file:7:1:last", blob)

    def test_an_error_tells_nothing_of_the_value(self):
        with pytest.raises(Undecipherable) as error:
            crypto.decrypt("account", crypto.encrypt("id_number", "99010119900101123X"))
        assert "990101" not in str(error.value)


@pytest.mark.usefixtures("keyring")
class TestBlindIndex:
    def test_equal_texts_meet_and_others_do_not(self):
        one, two = "99010119900101123X", "990101199001011234"
        assert crypto.blind_index("id_number", one) == crypto.blind_index("id_number", one)
        assert crypto.blind_index("id_number", one) != crypto.blind_index("id_number", two)
        assert len(crypto.blind_index("id_number", one)) == 16

    def test_purposes_cannot_be_matched_with_one_another(self):
        assert crypto.blind_index("id_number", "1") != crypto.blind_index("account", "1")

    def test_many_equal_one_by_one(self):
        assert crypto.blind_index_many("account", "abc") == [crypto.blind_index("account", c) for c in "abc"]


class TestRotation:
    def test_blobs_of_an_older_key_still_open_and_new_ones_name_the_new_key(self, keyring):
        old = crypto.encrypt("id_number", "x")
        keyring(BOTH)
        new = crypto.encrypt("id_number", "x")
        assert crypto.decrypt_many("id_number", [old, new]) == ["x", "x"]
        assert (old[1:3], new[1:3]) == (b"k1", b"k2")

    def test_a_key_taken_from_the_ring_is_named(self, keyring):
        old = crypto.encrypt("id_number", "x")
        keyring(NEW)
        with pytest.raises(Undecipherable, match="'k1' is not in HUIMIN_KEYRING"):
            crypto.decrypt("id_number", old)

    def test_people_are_found_under_the_same_index_after_a_rotation(self, keyring):
        before = crypto.blind_index("id_number", "x")
        keyring(BOTH)
        assert crypto.blind_index("id_number", "x") == before

    def test_a_ring_whose_keys_differ_in_index_is_refused(self, keyring):
        keys = {f"k{n}": {"data": secret(n), "index": secret(8 + n)} for n in (1, 2)}
        keyring(json.dumps({"current": "k2", "keys": keys}))
        with pytest.raises(BadSetting, match="same index"):
            crypto.require_keys()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("nonsense", "must be"),
        ("[]", "must be"),
        ('{"current": "k1"}', "must be"),
        ('{"current": "k1", "keys": {}}', "must be"),
        ('{"current": "k1", "keys": {"k1": {"data": "AAAA"}}}', "must be"),
        (ring("k3", k1=1), "must be"),
        (ring("k1", k1=1).replace(secret(1), "AAAA"), "data of key 'k1' must be 32 bytes"),
        (ring("k1", k1=1).replace(secret(9), "?"), "index of key 'k1' must be 32 bytes"),
        (ring("k1", k1=1).replace(secret(9), secret(1)), "must differ"),
        (ring("", **{"": 1}), "1 to 32 characters"),
        (ring("k" * 33, **{"k" * 33: 1}), "1 to 32 characters"),
        (ring("钥", 钥=1), "must be"),
    ],
)
def test_without_a_usable_key_ring_nothing_starts(keyring, text, complaint):
    keyring(text)
    for attempt in (
        crypto.require_keys,
        lambda: crypto.encrypt("id_number", "x"),
        lambda: crypto.blind_index("id_number", "x"),
    ):
        with pytest.raises(BadSetting, match=f"HUIMIN_KEYRING.*{complaint}") as error:
            attempt()
        assert secret(1) not in str(error.value)


def test_a_usable_key_ring_starts_and_its_keys_stay_out_of_repr(keyring):
    keyring(BOTH)
    crypto.require_keys()
    assert repr(bytes([2]) * 32) not in repr(crypto._ring())
