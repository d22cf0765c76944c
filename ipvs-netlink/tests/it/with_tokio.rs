use std::time::Duration;

use ipvs_netlink::{Ending, tokio::Ipvs};

use crate::support::{Kernel, address, id, service};

pub(crate) fn calls_are_made_while_other_tasks_run() {
    let Kernel { ipvs, _loaded: _held } = Kernel::new();
    let ipvs = Ipvs::new(ipvs);

    runtime().block_on(async {
        let other = ipvs.clone();
        let adding =
            tokio::spawn(async move { other.run(|ipvs| ipvs.add_service(&service("-A -f 1 -s rr"))).await });
        adding.await.unwrap().unwrap();
        let services = ipvs.run(|ipvs| ipvs.services()).await.unwrap();
        assert_eq!(services.len(), 1);
    });
}

pub(crate) fn a_drain_is_waited_for() {
    let Kernel { ipvs, _loaded: _held } = Kernel::with("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:0 -g\n");
    let ipvs = Ipvs::new(ipvs);

    let ending = runtime().block_on(ipvs.drain(id("-f 1"), address("10.0.0.1:0"), Duration::from_secs(60)));

    assert_eq!(ending.unwrap(), Ending::Drained);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}
