use std::time::Duration;

use ipvs_netlink::{Ending, tokio::Ipvs};

use crate::support::{Kernel, address, destination, id, service};

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
    let Kernel { ipvs, _loaded: _held } = Kernel::with("-A -f 1 -s rr\n");
    let ipvs = Ipvs::new(ipvs);

    for limit in [Duration::from_secs(60), Duration::MAX] {
        let ending = runtime().block_on(async {
            ipvs.run(|ipvs| ipvs.put_destination(&id("-f 1"), &destination("-r 10.0.0.1:0 -g")))
                .await
                .unwrap();
            ipvs.drain(id("-f 1"), address("10.0.0.1:0"), limit).await
        });

        assert_eq!(ending.unwrap(), Ending::Drained);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}
