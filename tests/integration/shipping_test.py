"""What is shipped beside the program: the package's configuration, the page's commands for it, and
the files for containers, as far as they can be held against the program without running them."""

import os
import re
import subprocess
import unittest

import yaml
from kubernetes import client as kubernetes
from processes import PROGRAMS, ROOT, InstallationTest, main

PRESENTER = os.path.join(PROGRAMS, "presenter")
DEPLOY = os.path.join(ROOT, "deploy")


def text_of(path):
    with open(os.path.join(DEPLOY, path), encoding="utf-8") as file:
        return file.read()


class StrictLoader(yaml.SafeLoader):
    """A key that stands twice is a mistake; YAML's own loader takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {node.start_mark}"
        return super().construct_mapping(node, deep)


def documents_of(path):
    return list(yaml.load_all(text_of(path), StrictLoader))


class ConfigurationTest(InstallationTest):
    def check(self, text):
        """What `--check` says, with the cluster's certificate and folder."""
        names = {"certificate": self.cluster.certificates.certificate,
                 "private_key": self.cluster.certificates.private_key}
        for key, path in names.items():
            text = re.sub(rf'(?m)^(\s*{key} =).*', rf'\1 "{path}"', text)
        text = text.replace("/var/lib/presenter", self.cluster.folder)
        path = os.path.join(self.cluster.folder, "presenter.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([PRESENTER, "--config", path, "--check"], capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_the_packages_configuration_needs_a_certificate_only(self):
        status, said = self.check(text_of("packages/presenter.toml"))
        self.assertEqual(status, 0, said)

    def test_it_is_good_after_what_the_page_does_with_it(self):
        edit = re.search(r"(?m)^sed -i (.*) presenter\.toml$", text_of("packages.md")).group(1)
        edited = subprocess.run(["sh", "-c", f"sed {edit}"], check=True, capture_output=True,
                                text=True, input=text_of("packages/presenter.toml")).stdout
        with open(os.path.join(self.cluster.folder, "shards.toml"), "w", encoding="utf-8") as file:
            file.write('[[server]]\nname = "chat-a"\nhost = "127.0.0.1"\nport = 4100\n')
        self.assertEqual(self.check(edited)[0], 0, edited)

    def test_the_pods_configuration_is_good(self):
        files = [each for each in documents_of("containers/kubernetes.yaml")
                 if each["kind"] == "ConfigMap"]
        status, said = self.check(files[0]["data"]["presenter.toml"])
        self.assertEqual(status, 0, said)


def built(value, type_name):
    """What Kubernetes' own client makes of a part of a manifest: its classes refuse what is missing
    and values that no field may have; a field that the type does not know is told here."""
    of = re.fullmatch(r"(list|dict)[\[(](?:str, )?(.*)[\])]", type_name)
    if of and of.group(1) == "list":
        return [built(each, of.group(2)) for each in value]
    if of:
        return {key: built(each, of.group(2)) for key, each in value.items()}
    model = getattr(kubernetes, type_name, None)
    if model is None:
        kinds = {"str": str, "int": int, "bool": bool}
        if not isinstance(value, kinds.get(type_name, object)):
            raise ValueError(f"{value!r} is no {type_name}")
        return value
    names = {key: name for name, key in model.attribute_map.items()}
    return model(**{names[key]: built(each, model.openapi_types[names[key]])
                    for key, each in value.items()})


class ContainersTest(unittest.TestCase):
    def setUp(self):
        self.objects = {each["kind"]: each for each in documents_of("containers/kubernetes.yaml")}
        self.pod = self.objects["Deployment"]["spec"]["template"]
        self.container = self.pod["spec"]["containers"][0]

    def test_kubernetes_knows_every_field(self):
        for each in documents_of("containers/kubernetes.yaml"):
            with self.subTest(each["kind"]):
                built(each, f"V1{each['kind']}")

    def test_orders_are_understood(self):
        """They go where the gateway has its admin endpoint; here nobody is there."""
        orders = [self.container["lifecycle"]["preStop"]["exec"]["command"],
                  documents_of("containers/compose.yaml")[0]["services"]["gateway"]["healthcheck"]
                  ["test"][1:]]
        configured = self.objects["ConfigMap"]["data"]["presenter.toml"]
        places = [re.search(r'(?m)^address = "(127.*)"', configured).group(1),
                  re.search(r'admin\.address = "([^"]*)"',
                            text_of("containers/compose.yaml")).group(1)]
        for order, place in zip(orders, places):
            self.assertEqual((order[0], order[order.index("--gateway") + 1]),
                             ("presenterctl", place))
            words = ["127.0.0.1:1" if word == place else word for word in order[1:]]
            words = [word for word in words if word != "--wait"]
            done = subprocess.run([os.path.join(PROGRAMS, "presenterctl"), *words],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 3, done.stderr)

    def test_names_lead_to_something(self):
        labels = self.pod["metadata"]["labels"]
        for selector in (self.objects["Deployment"]["spec"]["selector"]["matchLabels"],
                         self.objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                         self.objects["Service"]["spec"]["selector"]):
            self.assertEqual(selector, labels)
        ports = {each["name"]: each["containerPort"] for each in self.container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertIn(self.container[probe]["httpGet"]["port"], ports)
        self.assertEqual(self.objects["Service"]["spec"]["ports"][0]["targetPort"], ports["tls"])
        volumes = {each["name"] for each in self.pod["spec"]["volumes"]}
        self.assertEqual({each["name"] for each in self.container["volumeMounts"]}, volumes)

    def test_it_is_nobody_and_may_do_nothing(self):
        self.assertTrue(self.pod["spec"]["securityContext"]["runAsNonRoot"])
        self.assertGreater(self.pod["spec"]["securityContext"]["runAsUser"], 0)
        context = self.container["securityContext"]
        self.assertEqual((context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"],
                          context["capabilities"]), (False, True, {"drop": ["ALL"]}))

    def test_kubernetes_waits_longer_than_a_drain(self):
        command = self.container["lifecycle"]["preStop"]["exec"]["command"]
        hours = int(command[command.index("--deadline") + 1].rstrip("h"))
        configured = self.objects["ConfigMap"]["data"]["presenter.toml"]
        self.assertIn(f'deadline = "{hours}h"', configured)
        self.assertGreater(self.pod["spec"]["terminationGracePeriodSeconds"], hours * 3600)

    def test_compose_runs_the_image_as_it_is_made(self):
        services = documents_of("containers/compose.yaml")[0]["services"]
        made = text_of("containers/Dockerfile")
        exposed = re.search(r"(?m)^EXPOSE (\d+)$", made).group(1)
        self.assertEqual(services["gateway"]["ports"], [f"443:{exposed}"])
        self.assertEqual(services["gateway"]["build"]["dockerfile"],
                         "deploy/containers/Dockerfile")
        self.assertRegex(made, r"(?m)^USER [1-9]\d*:[1-9]\d*$")


if __name__ == "__main__":
    main()
