from uuid import uuid4

from django.db import models

from huimin.core.fields import EncryptedTextField
from huimin.core.models.guards import append_only
from huimin.core.models.staff import User


class StoredFile(models.Model):
    """A file that was taken in or given out: bytes that never change, found by name in the default storage.

    sha256 is over the plain bytes; the bytes rest encrypted (core.files). Who may open it is decided by the
    object it belongs to, never by knowing its id.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField("文件名", max_length=200)
    content_type = models.CharField("类型", max_length=100)
    size = models.BigIntegerField("字节数")
    sha256 = models.CharField("SHA-256", max_length=64)
    purpose = models.CharField("用途", max_length=40)
    stored_as = models.CharField("存储名", max_length=120, unique=True)
    created_by = models.ForeignKey(User, models.PROTECT, verbose_name="上传人", null=True, related_name="+")
    created_at = models.DateTimeField("时间", db_default=models.functions.Now())
    county_code = models.CharField("县代码", max_length=12, blank=True)
    division_code = models.CharField("区划代码", max_length=12, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "文件"
        indexes = [models.Index(fields=["purpose", "sha256"], name="file_by_digest")]
        triggers = append_only()

    def __str__(self) -> str:
        return self.name


class FileChunk(models.Model):
    """A piece of an encrypted file, so that one backup of the database holds everything."""

    stored_as = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = verbose_name_plural = "文件块"
        constraints = [models.UniqueConstraint(fields=["stored_as", "number"], name="file_chunk_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.stored_as}#{self.number}"


class Message(models.Model):
    """A text message, mail or webhook call to be delivered; the recipient and text are private."""

    class Channel(models.TextChoices):
        SMS = "sms", "短信"
        MAIL = "mail", "邮件"
        WEBHOOK = "webhook", "接口通知"

    channel = models.CharField("渠道", max_length=8, choices=Channel)
    recipient = EncryptedTextField("收件人", purpose="message_recipient")
    body = EncryptedTextField("内容", purpose="message_body")
    subject = models.CharField("关于", max_length=80)
    created_at = models.DateTimeField("时间", db_default=models.functions.Now())
    attempts = models.PositiveSmallIntegerField("尝试次数", default=0)
    next_at = models.DateTimeField("下次发送", db_default=models.functions.Now())
    delivered_at = models.DateTimeField("送达时间", null=True)
    error = models.CharField("失败原因", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "待发消息"
        indexes = [
            models.Index(
                fields=["channel", "next_at"],
                name="message_waiting",
                condition=models.Q(delivered_at__isnull=True),
            ),
            # what may be forgotten
            models.Index(
                fields=["delivered_at"],
                name="message_delivered",
                condition=models.Q(delivered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.subject}"
