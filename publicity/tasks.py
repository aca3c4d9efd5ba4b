from celery import shared_task

from publicity import services


@shared_task(name="publicity.forget_old", ignore_result=True)
def forget_old() -> int:
    return services.forget_old()
