import { problemsWith, settingsWith, synthesizePipeline } from '../support/synth';

const existing = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
};

describe('an existing network', () => {
  const { resource, data } = synthesizePipeline(settingsWith(existing));

  test('gets nothing but a security group without inbound rules', () => {
    const types = Object.keys(resource).filter((type) =>
      /vpc|subnet|route|gateway|security_group/.test(type),
    );
    expect(types.sort()).toEqual(['aws_security_group', 'aws_vpc_security_group_egress_rule']);
    expect(resource.aws_security_group!.network).toMatchObject({ vpc_id: existing.vpcId });
    expect(resource.aws_security_group!.network).not.toHaveProperty('ingress');
  });

  test('has the instance in the first subnet, and the instance boots after the outbound rule exists', () => {
    expect(data.aws_subnet!.network).toMatchObject({ id: existing.subnetIds[0] });
    const instance = resource.aws_instance!.instance!;
    expect(instance.subnet_id).toBe('${data.aws_subnet.network.id}');
    expect(instance.vpc_security_group_ids).toEqual(['${aws_security_group.network.id}']);
    expect(instance.depends_on).toEqual([
      'aws_iam_role_policy.instance',
      'aws_vpc_security_group_egress_rule.network',
    ]);
  });

  test('a subnet of another VPC fails the plan, before any resource is created', () => {
    const { postcondition } = data.aws_subnet!.network!.lifecycle as {
      postcondition: { condition: string }[];
    };
    expect(postcondition).toHaveLength(1);
    expect(postcondition[0]!.condition).toBe(`\${self.vpc_id == "${existing.vpcId}"}`);
  });
});

test('a network with internet has its whole way out before the instance boots', () => {
  const { resource } = synthesizePipeline(settingsWith());
  expect(resource.aws_instance!.instance!.depends_on).toEqual([
    'aws_iam_role_policy.instance',
    'aws_route_table_association.network',
    'aws_vpc_security_group_egress_rule.network',
    'aws_route.network',
  ]);
});

describe('a private network', () => {
  const { resource } = synthesizePipeline(settingsWith({ privateNetwork: true }));
  const endpoints = Object.values(resource.aws_vpc_endpoint!);
  const interfaces = endpoints.filter(({ vpc_endpoint_type }) => vpc_endpoint_type === 'Interface');

  test('has no route to the internet, and no public address', () => {
    expect(Object.keys(resource)).not.toContain('aws_internet_gateway');
    expect(Object.keys(resource)).not.toContain('aws_route');
    expect(Object.keys(resource)).not.toContain('aws_nat_gateway');
    expect(resource.aws_subnet!.network).toMatchObject({ map_public_ip_on_launch: false });
  });

  test('reaches the services that the agent and the runner need: S3 free of charge, the others by the hour', () => {
    expect(endpoints.map(({ service_name }) => String(service_name)).sort()).toEqual(
      ['ec2messages', 'logs', 's3', 'ssm', 'ssmmessages'].map((name) => `com.amazonaws.eu-central-1.${name}`),
    );
    expect(interfaces).toHaveLength(4);
    expect(resource.aws_vpc_endpoint!.network).toMatchObject({
      vpc_endpoint_type: 'Gateway',
      route_table_ids: ['${aws_route_table.network.id}'],
    });
  });

  test("resolves the services' usual names to the endpoints", () => {
    expect(resource.aws_vpc!.network).toMatchObject({ enable_dns_support: true, enable_dns_hostnames: true });
    for (const endpoint of interfaces) {
      expect(endpoint).toMatchObject({
        private_dns_enabled: true,
        subnet_ids: ['${aws_subnet.network.id}'],
        security_group_ids: ['${aws_security_group.network_private.id}'],
      });
    }
  });

  test('lets only the instance connect to the endpoints, by HTTPS, and nothing connect to the instance', () => {
    expect(Object.values(resource.aws_vpc_security_group_ingress_rule!)).toEqual([
      expect.objectContaining({
        security_group_id: '${aws_security_group.network_private.id}',
        referenced_security_group_id: '${aws_security_group.network.id}',
        ip_protocol: 'tcp',
        from_port: 443,
        to_port: 443,
      }),
    ]);
  });

  test('has all endpoints and their rule before the instance boots: an agent whose first call fails sleeps for minutes', () => {
    expect(resource.aws_instance!.instance!.depends_on).toEqual(
      expect.arrayContaining([
        'aws_route_table_association.network',
        'aws_vpc_security_group_egress_rule.network',
        'aws_vpc_security_group_ingress_rule.network_private',
        'aws_vpc_endpoint.network',
        'aws_vpc_endpoint.network_private_ssm',
        'aws_vpc_endpoint.network_private_ssmmessages',
        'aws_vpc_endpoint.network_private_ec2messages',
        'aws_vpc_endpoint.network_private_logs',
      ]),
    );
  });

  test('has exactly the endpoints of privateEndpoints, so that unused ones cost nothing', () => {
    const privateEndpoints = ['ssm', 'ssmmessages', 'ec2messages', 'ecr.api'];
    const other = synthesizePipeline(settingsWith({ privateNetwork: true, privateEndpoints })).resource;
    expect(Object.keys(other.aws_vpc_endpoint!).sort()).toEqual([
      'network',
      'network_private_ec2messages',
      'network_private_ecr-api',
      'network_private_ssm',
      'network_private_ssmmessages',
    ]);
  });
});

test.each<[Record<string, unknown>, string]>([
  [{ vpcId: 'my-vpc', subnetIds: ['subnet-01234567'] }, 'vpcId is "my-vpc"; allowed is the id of a VPC'],
  [
    { vpcId: existing.vpcId },
    'subnetIds is missing; allowed is a list of subnet ids of vpc-0123456789abcdef0',
  ],
  [{ ...existing, subnetIds: [] }, 'subnetIds is []; allowed is a list of at least one subnet id'],
  [
    { subnetIds: ['subnet-01234567'] },
    'vpcId is missing; allowed is the id of the VPC that contains subnetIds',
  ],
  [
    { ...existing, networkCidr: '10.0.0.0/24' },
    'networkCidr is "10.0.0.0/24"; allowed is no value, because vpcId selects an existing network',
  ],
  [
    { ...existing, availabilityZone: 'eu-central-1a' },
    'availabilityZone is "eu-central-1a"; allowed is no value',
  ],
  [
    { ...existing, privateNetwork: true },
    'privateNetwork is true; allowed is no value, because vpcId selects',
  ],
  [
    { privateEndpoints: ['ssm', 'ssmmessages', 'ec2messages'] },
    'privateEndpoints is ["ssm","ssmmessages","ec2messages"]; allowed is no value, unless privateNetwork is true',
  ],
  [
    { privateNetwork: true, privateEndpoints: ['ssm'] },
    'privateEndpoints is ["ssm"]; allowed is a list of different services',
  ],
  [
    { privateNetwork: true, privateEndpoints: ['ssm', 'ssmmessages', 'ec2messages', 's3'] },
    'privateEndpoints is ["ssm","ssmmessages","ec2messages","s3"]; allowed is a list of different services',
  ],
  [{ privateNetwork: 'yes' }, 'privateNetwork is "yes"; allowed is true or false'],
])('wrong network settings are refused, and the error says what is allowed: %j', (overrides, problem) => {
  const problems = problemsWith(overrides);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});
