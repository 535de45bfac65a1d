"""Makes the calls that stand as JSON on stdin with botocore, and prints what came back, in the same order, as JSON."""

import functools
import json
import sys

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError


session = botocore.session.get_session()


@functools.cache
def client_of(service, endpoint, region, access_key_id, secret_access_key, session_token):
    return session.create_client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        config=Config(retries={"max_attempts": 0}),
    )


def made(call):
    credentials = call["credentials"]
    keys = (credentials["accessKeyId"], credentials["secretAccessKey"], credentials.get("sessionToken"))
    client = client_of(call["service"], call["endpoint"], call.get("region", "us-east-1"), *keys)
    try:
        answer = getattr(client, xform_name(call["operation"]))(**call["parameters"])
        metadata = answer.pop("ResponseMetadata")
        return {"answer": answer, "status": metadata["HTTPStatusCode"], "requestId": metadata["RequestId"]}
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        return {"error": error.response["Error"]["Code"], "message": error.response["Error"]["Message"], "status": metadata["HTTPStatusCode"]}


def knows(service, shape, member):
    return member in session.get_service_model(service).shape_for(shape).members


if __name__ == "__main__":
    given = json.load(sys.stdin)
    if "knows" in given:
        print(json.dumps(knows(*given["knows"])))
    else:
        print(json.dumps([made(call) for call in given["calls"]], default=lambda time: time.isoformat()))
