import { DataAwsAmi, type DataAwsAmiConfig } from '@cdktf/provider-aws/lib/data-aws-ami';
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter';
import type { Construct } from 'constructs';
import type { PipelineSettings } from './settings';
import type { Architecture } from './settings/machine';

type ImageSetting = NonNullable<PipelineSettings['image']>;

export interface ImageProps {
  readonly pipeline: string;
  /** @default Amazon Linux 2023 */
  readonly image?: ImageSetting | undefined;
  readonly instanceType: string;
  readonly architecture: Architecture;
  readonly diskGiB: number;
}

/** The id, known to Terraform only, of the image that an instance boots from; looked up in the caller's scope. */
export function imageId(scope: Construct, props: ImageProps): string {
  return props.image === undefined
    ? amazonLinux(scope, props.architecture)
    : chosen(scope, props.image, props);
}

function amazonLinux(scope: Construct, architecture: Architecture): string {
  return parameter(scope, `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`);
}

/** Looked at when Terraform plans: an image that the instance cannot boot, or its disk cannot hold, is refused. */
function chosen(scope: Construct, image: ImageSetting, props: ImageProps): string {
  const { pipeline, instanceType, architecture, diskGiB } = props;
  const found = new DataAwsAmi(scope, 'chosen-image', {
    ...query(scope, image),
    lifecycle: {
      postcondition: [
        {
          condition: `\${self.architecture == "${architecture}"}`,
          errorMessage:
            `The setting image of ${pipeline} leads to \${self.id} (\${self.name}), which is for \${self.architecture}, ` +
            `but ${instanceType} is ${architecture}; change image or instanceType.`,
        },
        {
          condition: `\${${ROOT_GIB} <= ${diskGiB}}`,
          errorMessage:
            `The setting diskGiB of ${pipeline} is ${diskGiB}, but the image \${self.id} (\${self.name}) alone takes ` +
            `\${${ROOT_GIB}}; set more, with room for models and files.`,
        },
      ],
    },
  });
  return found.imageId;
}

/** In Terraform's language: the size of the image's root volume. */
const ROOT_GIB =
  'max(0, [for device in self.block_device_mappings : try(tonumber(device.ebs["volume_size"]), 0) ' +
  'if device.device_name == self.root_device_name]...)';

function query(scope: Construct, image: ImageSetting): DataAwsAmiConfig {
  if (typeof image === 'object') {
    return { mostRecent: true, owners: [image.owner], filter: [{ name: 'name', values: [image.name] }] };
  }
  const id = image.startsWith('/') ? parameter(scope, image) : image;
  return { filter: [{ name: 'image-id', values: [id] }] };
}

function parameter(scope: Construct, name: string): string {
  return new DataAwsSsmParameter(scope, 'image', { name }).insecureValue;
}
