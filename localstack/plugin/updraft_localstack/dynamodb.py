"""DynamoDB Local as localstack/up installed it.

LocalStack would download it, a Java runtime and an agent that only lifts the limit of 20 global
secondary indexes, and its server would listen on all interfaces.
"""

import os

from updraft_localstack import settings


def use_installed() -> None:
    folder, classes = settings.dynamodb_folder(), settings.dynamodb_classes()
    if folder is None:
        return
    if not (folder / "DynamoDBLocal.jar").exists():
        raise RuntimeError(f"UPDRAFT_DYNAMODB_LOCAL={folder} has no DynamoDBLocal.jar: run localstack/up dynamodb")

    from localstack.services.dynamodb import packages, server

    installer = packages.DynamoDBLocalPackageInstaller
    installer.is_installed = lambda self: True
    installer.install = lambda self, target=None: None
    installer.get_installed_dir = lambda self: str(folder)
    installer.get_java_env_vars = lambda self: {"PATH": os.environ["PATH"]}

    original = server.DynamodbServer._create_shell_command

    def command(self) -> list[str]:
        args = [arg for arg in original(self) if not arg.startswith("-javaagent:")]
        if classes is not None:
            jar = args.index("-jar")
            args[jar : jar + 2] = ["-cp", f"{classes}{os.pathsep}{args[jar + 1]}", "LoopbackServer"]
        return args

    server.DynamodbServer._create_shell_command = command
