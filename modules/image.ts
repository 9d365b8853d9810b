import { DataAwsAmi, type DataAwsAmiConfig } from '@cdktf/provider-aws/lib/data-aws-ami';
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter';
import type { Construct } from 'constructs';
import type { PipelineSettings } from './settings';

export type ImageSettings = Pick<
  PipelineSettings,
  'name' | 'image' | 'instanceType' | 'architecture' | 'diskGiB'
>;

/** A Terraform reference to the id of the instance's image. Adds the lookup to the caller's scope. */
export function imageId(scope: Construct, settings: ImageSettings): string {
  const { image, architecture } = settings;
  if (image !== undefined) return chosenImage(scope, image, settings);
  return parameter(scope, `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`);
}

type Image = NonNullable<PipelineSettings['image']>;

/** An image from the settings. The plan fails if the instance cannot boot it or its disk is too small for it. */
function chosenImage(scope: Construct, image: Image, settings: ImageSettings): string {
  const { name, instanceType, architecture, diskGiB } = settings;
  const found = new DataAwsAmi(scope, 'chosen-image', {
    ...query(scope, image),
    lifecycle: {
      postcondition: [
        {
          condition: `\${self.architecture == "${architecture}"}`,
          errorMessage:
            `The setting image of ${name} selects \${self.id} (\${self.name}), which is for \${self.architecture}, ` +
            `but ${instanceType} is ${architecture}; change image or instanceType.`,
        },
        {
          condition: `\${${ROOT_GIB} <= ${diskGiB}}`,
          errorMessage:
            `The setting diskGiB of ${name} is ${diskGiB}, but the image \${self.id} (\${self.name}) alone needs ` +
            `\${${ROOT_GIB}}; allowed is at least that. Leave room for models and files.`,
        },
      ],
    },
  });
  return found.imageId;
}

/** A Terraform expression: the size of the image's root volume, in GiB. */
const ROOT_GIB =
  'max(0, [for device in self.block_device_mappings : try(tonumber(device.ebs["volume_size"]), 0) ' +
  'if device.device_name == self.root_device_name]...)';

function query(scope: Construct, image: Image): DataAwsAmiConfig {
  if (typeof image === 'object') {
    return { mostRecent: true, owners: [image.owner], filter: [{ name: 'name', values: [image.name] }] };
  }
  const id = image.startsWith('/') ? parameter(scope, image) : image;
  return { filter: [{ name: 'image-id', values: [id] }] };
}

function parameter(scope: Construct, name: string): string {
  return new DataAwsSsmParameter(scope, 'image', { name }).insecureValue;
}
