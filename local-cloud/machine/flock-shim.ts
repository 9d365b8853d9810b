/**
 * `flock [-n] [-E CODE] FILE COMMAND…` for a host without it (macOS), in Perl, which macOS has. The command holds the lock
 * as long as it holds the file open.
 */
export const FLOCK_SHIM = `#!/usr/bin/env perl
use strict;
use warnings;
use Fcntl qw(:flock F_SETFD);
my ($wait, $code) = (1, 1);
while (@ARGV && $ARGV[0] =~ /^-/) {
  my $option = shift @ARGV;
  if ($option eq '-n') { $wait = 0 }
  elsif ($option eq '-E') { $code = shift @ARGV }
  else { die "flock: this replacement does not support $option\\n" }
}
my $file = shift @ARGV;
die "flock: no file or no command\\n" unless defined $file && @ARGV;
open(my $lock, '>>', $file) or die "flock: $file: $!\\n";
unless (flock($lock, $wait ? LOCK_EX : LOCK_EX | LOCK_NB)) { exit $code }
fcntl($lock, F_SETFD, 0) or die "flock: $file: $!\\n";
exec { $ARGV[0] } @ARGV or die "flock: $ARGV[0]: $!\\n";
`;
