import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { describeRecordStoreContract } from '../../support/contracts/record-store';
import { SimulatedAccount } from '../../support/contracts/simulated-account';
import { TestClock } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const NO_PARTS = 'the models of the simulator write short files only, which the drain sends with one PUT';
const UTF_16 = 'it compares UTF-16 units, which is the same order for the keys that its people upload';

const SIMULATOR_DIFFERS = {
  'DELETE with a wrong If-Match is 412, and deletes nothing': 'production code deletes without a condition',
  'GET of a delete marker by its version is MethodNotAllowed, 405':
    'its people delete no upload, and a marker is no job',
  'GET of an archived upload is InvalidObjectState, 403': 'its people upload to the standard class only',
  'a DELETE of a missing key adds a delete marker': 'it keeps no delete markers',
  'a key of more than 1,024 bytes is KeyTooLongError, 400': 'the drain checks the length itself',
  'LIST is in the order of the keys’ UTF-8 bytes': UTF_16,
  'versions are listed in the order of the keys’ UTF-8 bytes, and so are their pages': UTF_16,
  'a multi-part upload is one version, with the bytes of its parts in order': NO_PARTS,
  'an aborted multi-part upload leaves no object and no version': NO_PARTS,
  'a part of an aborted multi-part upload is NoSuchUpload, 404': NO_PARTS,
  'a multi-part upload takes the parts that its completion names': NO_PARTS,
  'LastModified of a multi-part upload is the time when the upload began': NO_PARTS,
};

describeRecordStoreContract('the unit tests’ FakeS3', () => {
  const clock = new TestClock();
  const fake = new FakeS3(clock);
  let uploads = 0;
  const upload = (key: string) => {
    uploads += 1;
    const text = `upload ${uploads}`;
    return Promise.resolve({ text, versionId: fake.put('data', key, text).versionId });
  };
  return {
    s3: fake.client,
    bucket: 'control',
    uploadsBucket: 'data',
    upload,
    goneVersion: async (Key) => {
      const { versionId: VersionId } = await upload(Key);
      await fake.client.send(new DeleteObjectCommand({ Bucket: 'data', Key, VersionId }));
      return VersionId;
    },
    conflictOnce: () =>
      fake.fault({ command: 'PutObject', error: FakeS3.error('ConditionalRequestConflict', 409) }),
    wait: clock.sleep,
  };
});

describeRecordStoreContract(
  'the simulator',
  () => {
    const account = new SimulatedAccount();
    const { s3, faults } = account.world;
    return {
      s3: account.client as unknown as S3Client,
      bucket: 'control',
      uploadsBucket: 'data',
      upload: (key) => Promise.resolve({ text: 'x', versionId: s3.upload(key) }),
      // No version of an upload is ever deleted in the simulator.
      goneVersion: (key) => {
        s3.upload(key);
        return Promise.resolve('v0');
      },
      conflictOnce: () => {
        let left = 1;
        jest.spyOn(faults, 'strikes').mockImplementation((fault) => fault === 'write conflict' && left-- > 0);
      },
      wait: (milliseconds) => account.advance(milliseconds),
    };
  },
  SIMULATOR_DIFFERS,
);
