"""Columns for private values: ciphertext to read back, a keyed hash to find again.

    id_number = EncryptedTextField("身份证号", purpose="id_number")
    id_number_index = BlindIndexField("身份证号索引")

Python sees text, the column holds sealed bytes. A value is decrypted whenever its row is loaded with that column, so lists
and exports that do not show it must defer() it (about 2 µs each, and a private number less in memory). Nothing can be
looked up by it except IS NULL; look up the blind index: filter(id_number_index=crypto.blind_index("id_number", number)).
Bulk SQL writes crypto.encrypt_many() by COPY, or copies the bytes with INSERT … SELECT between columns of one purpose.
"""

from typing import Any, Never

from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable

from huimin.core import crypto


class EncryptedTextField(models.BinaryField):
    """Text sealed under `purpose`; columns that copy from one another share the purpose."""

    description = "Encrypted text"
    empty_values = [None, ""]
    empty_strings_allowed = False  # a value that nobody gave is NULL and meets NOT NULL
    # what django-stubs reads to type the attribute of a model
    _pyi_private_set_type: str | Combinable  # type: ignore[assignment]
    _pyi_private_get_type: str  # type: ignore[assignment]

    def __init__(self, *args: Any, purpose: str, **kwargs: Any) -> None:
        if not purpose:
            raise ValueError("an encrypted field needs a purpose")
        if "max_length" in kwargs:
            raise TypeError("an encrypted field has no max_length: check the text before it is stored")
        self.purpose = purpose
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "purpose": self.purpose}

    def to_python(self, value: Any) -> Any:
        return value

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None or hasattr(value, "as_sql"):
            return value
        if not isinstance(value, str):
            raise TypeError(f"{self.name} takes text, not {type(value).__name__}")
        sealed = crypto.encrypt(self.purpose, value)
        return super().get_db_prep_value(sealed, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        return None if value is None else crypto.decrypt(self.purpose, value)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: filter by its blind index")
        return super().get_lookup(lookup_name)

    def value_to_string(self, obj: models.Model) -> Never:
        raise TypeError(f"{self.name} is private and is not serialised")


class BlindIndexField(models.BinaryField):
    """The 16 bytes of crypto.blind_index(); indexed or unique as the model says."""

    description = "Blind index"
    empty_strings_allowed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = crypto.INDEX_BYTES
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None or hasattr(value, "as_sql"):
            return value
        if not isinstance(value, bytes | memoryview) or len(value) != crypto.INDEX_BYTES:
            raise TypeError(f"{self.name} takes the {crypto.INDEX_BYTES} bytes of crypto.blind_index()")
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> bytes | None:
        return None if value is None else bytes(value)
